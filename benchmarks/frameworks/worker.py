"""Drives one side in its framework's environment: `python -m benchmarks.frameworks.worker MODULE CLASS`.

It takes a call a line on its standard input, as JSON, and answers with the result or the error, when it is through.
"""

import asyncio
import importlib
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

from benchmarks.frameworks.side import Side, differences

LONGEST_TOLD = 110


class Worker:
    """Holds a conversation open from one call to the next."""

    def __init__(self, side: type[Side]) -> None:
        """Work on this side."""
        self._side = side
        self._stack = AsyncExitStack()
        self._open: Side

    async def turn_reads(self) -> bool:
        """Tell whether adding a turn reads the conversation by itself."""
        return self._side.turn_reads

    async def close(self) -> None:
        """Close the conversation that is open."""
        await self._stack.aclose()

    async def open(self, conversation: str) -> None:
        """Open a conversation with a client of its own, in place of the one that is open."""
        await self.close()
        self._open = await self._stack.enter_async_context(self._side.opened(conversation))

    async def grow(self, messages: int) -> None:
        """Add so many messages, which are turns."""
        all_of_them = [message for number in range(messages // 4 + 1) for message in self._open.turn(number)]
        for begin in range(0, messages, self._side.grows_by):
            await self._open.add(all_of_them[begin : min(begin + self._side.grows_by, messages)])

    async def read(self) -> int:
        """Read all messages; return how many they are."""
        return len(await self._open.read())

    async def save(self, number: int) -> None:
        """Add a turn."""
        await self._open.take_turn(self._open.turn(number))

    async def race(self, conversation: str, writers: int, each: int) -> dict[str, Any]:
        """Let writers take turns in one new conversation, each reading before it writes; return what became of them."""
        async with AsyncExitStack() as stack:
            sides = [await stack.enter_async_context(self._side.opened(conversation)) for _ in range(writers)]
            texts = [[f"writer {writer} says {number}" for number in range(each)] for writer in range(writers)]
            told = await asyncio.gather(*(_write(*pair) for pair in zip(sides, texts, strict=True)))
        async with self._side.opened(conversation) as reader:
            found = Counter(text for message in await reader.everything() for text in _strings(reader.dump(message)))
        sent = [text for mine in texts for text in mine]
        refused = {text: error for mine in told for text, error in mine.items()}
        return {
            "sent": len(sent),
            "refused": len(refused),
            "lost": sum(text not in found for text in sent if text not in refused),
            "doubled": sum(found[text] > 1 for text in sent),
            "errors": sorted(set(refused.values())),
        }

    async def equal(self) -> dict[str, str]:
        """Save each case in a conversation of its own and read it with another client; return what is not equal."""
        told = {}
        for number in range(len(self._open.cases())):
            case, messages = list(self._open.cases().items())[number]
            try:
                told[case] = await self._difference(f"case-{number}", messages)
            except Exception as error:  # noqa: BLE001 - whatever it raises is what is told
                told[case] = _told(error)
        return told

    async def _difference(self, conversation: str, messages: list[Any]) -> str:
        async with self._side.opened(conversation) as side:
            await side.add(messages)
        async with self._side.opened(conversation) as side:
            found = await side.read()
        wanted_data, found_data = ([self._open.dump(message) for message in some] for some in (messages, found))
        if sorted(map(str, wanted_data)) == sorted(map(str, found_data)) and wanted_data != found_data:
            return "in another order"
        if len(wanted_data) != len(found_data):
            return f"{len(found_data)} of {len(wanted_data)} messages"
        return ", ".join(differences(wanted_data, found_data)[:3])


async def _write(side: Side, texts: Sequence[str]) -> dict[str, str]:
    """Take turns; return those that were refused, with the kind of error."""
    refused = {}
    for text in texts:
        try:
            if not side.turn_reads:
                await side.read()
            await side.add([side.user(text)])
        except Exception as error:  # noqa: BLE001 - whatever it raises, its caller is told
            refused[text] = type(error).__name__
    return refused


def _strings(value: object) -> Iterator[str]:
    """Find the texts of a message's data; what repeats inside one message counts once."""
    found = set()
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, str):
            found.add(one)
        elif isinstance(one, dict | list):
            stack.extend(one.values() if isinstance(one, dict) else one)
    yield from found


def _told(error: Exception) -> str:
    line = " ".join(str(error).split())
    return f"{type(error).__name__}: {line[:LONGEST_TOLD]}"


async def serve(module: str, name: str) -> None:
    """Answer call by call until the input ends."""
    worker = Worker(getattr(importlib.import_module(f"benchmarks.frameworks.{module}"), name))
    while line := await asyncio.to_thread(sys.stdin.readline):
        verb, *arguments = json.loads(line)
        try:
            answer = {"result": await getattr(worker, verb)(*arguments)}
        except Exception as error:  # noqa: BLE001 - the one who asked is told
            answer = {"error": _told(error)}
        print(json.dumps(answer), file=sys.__stdout__, flush=True)
    await worker.close()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
