"""Turns: what Parley adds to a model's words, and what a turn costs at the store, beside the same done by hand."""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from benchmarks import memory
from benchmarks.resident import resident_bytes
from benchmarks.table import table
from benchmarks.targets import TURN_OVER_HAND
from benchmarks.turn_units import (
    AT_LENGTH,
    CHARGED,
    LENGTH,
    LONG_SECONDS,
    REPLY_CHARACTERS,
    RESUMED,
    SHRUNK,
    Units,
    measure_units,
)
from tests.cosmos_server.launch import CosmosServer

TOKENS = 40  # of a reply
TOKEN_SECONDS = 0.01  # between two, where they are timed
BYTES_A_TOKEN = 4  # of a prompt, about what English takes
TIMED = 60  # turns, and as many by hand
COUNTS = (100, 3_000)  # streamed turns when memory is looked at
STREAMS = 32  # at once, beside which others append and read: as many as a process takes by itself
STEADY_TOKENS = 60  # of each of them
STEADY_SECONDS = 0.05  # between two: about what people can read, and hosted models say
ASKED_BESIDE = 100  # times in each round, appends and reads, from a process that has nothing else to do
ROUNDS = 5  # each without streams, then with them
PACES = {  # seconds between two tokens, by how a question begins
    "slowly": TOKEN_SECONDS,
    "steadily": STEADY_SECONDS,
    AT_LENGTH: LONG_SECONDS / SHRUNK / TOKENS,
}
JSON = {"content-type": "application/json"}
STREAM = {"accept": "text/event-stream"}


@dataclass(frozen=True, slots=True)
class Turns:
    """Seconds from a token to who reads it; of a turn; of appends and reads; units; memory after so many turns."""

    direct: Sequence[float]
    through: Sequence[float]
    turns: Sequence[float]
    by_hand: Sequence[float]
    alone: Sequence[float]
    beside: Sequence[float]
    units: Units
    growth: memory.Growth | None

    @property
    def added_seconds(self) -> float:
        """What a token takes longer through Parley, at the median."""
        return statistics.median(self.through) - statistics.median(self.direct)

    @property
    def time_ratio(self) -> float:
        """A turn over the same by hand, medians."""
        return statistics.median(self.turns) / statistics.median(self.by_hand)

    @property
    def beside_ratio(self) -> float:
        """An append and a read while turns are streamed over the same without, medians."""
        return statistics.median(self.beside) / statistics.median(self.alone)


async def measure(server: CosmosServer, *, timed: int = TIMED, counts: Sequence[int] = COUNTS) -> Turns:
    """Measure all of it; without counts, or where there is no /proc, not the memory."""
    async with _model() as endpoint:
        units = await measure_units(server, endpoint)
        with tempfile.TemporaryDirectory() as folder:
            settings = {
                "STORE": "sqlite",
                "SQLITE_PATH": str(Path(folder) / "turns.db"),
                "MODEL_ENDPOINT": endpoint,
                "MODEL_NAME": "stamps",
            }
            with memory.serving(settings) as (process, url):
                async with aiohttp.ClientSession(headers={"x-user-id": "somebody"}) as client:
                    through, direct = await _lags(client, url, endpoint)
                    turns, by_hand = await _times(client, url, endpoint, timed)
                    alone, beside = await _beside(client, url)
                    can_look = counts and not memory.missing_reason()
                    growth = await _grow(client, url, process.pid, counts) if can_look else None
    return Turns(direct, through, turns, by_hand, alone, beside, units, growth)


def section(found: Turns) -> str:
    """Return the section about turns."""
    units = found.units
    at_length = units.long.units / units.by_hand.units
    missed = ", missed" if at_length > TURN_OVER_HAND else ""
    rows: list[list[str | float]] = [
        ["a token's way to the client, added by Parley, ms (≤ 5)", found.added_seconds * 1000],
        ["a turn over append, resume of as many, model, append (≤ 1.05)", found.time_ratio],
        [f"an append and a read beside {STREAMS} streamed turns over the same without (≤ 1.30)", found.beside_ratio],
        [f"units of a turn, whose prompt has {units.messages} messages", units.turn.units],
        [f"units of two appends and a resume of {RESUMED}", units.by_hand.units],
        ["one over the other (≤ 1.05)", units.turn.units / units.by_hand.units],
        [f"units of two appends and a resume of {units.messages}", units.with_as_many.units],
        ["the turn's over these", units.turn.units / units.with_as_many.units],
        ["requests of a turn", units.turn.requests],
        [f"looks whether it was stopped, where the reply takes {LONG_SECONDS} s", units.looks],
        ["units of such a turn", units.long.units],
        [f"these over two appends and a resume of {RESUMED} (≤ 1.05{missed})", at_length],
    ]
    if found.growth:
        first, *_, last = found.growth.resident
        rows.append([f"memory after {last:,} streamed turns over that after {first:,} (≤ 1.05)", found.growth.ratio])
    return f"""
A model that says {TOKENS} tokens on loopback, read through Parley on SQLite and directly: medians of
{len(found.through):,} tokens and of {len(found.turns)} turns, in turns. Units: means of {CHARGED} turns in a session of
{LENGTH} *typical* messages, on the test server. A reply of {LONG_SECONDS} s and the pauses between its looks are
{SHRUNK} times shorter here.

{table(("", "found"), rows)}"""


async def _lags(client: aiohttp.ClientSession, url: str, endpoint: str) -> tuple[list[float], list[float]]:
    through, direct = list[float](), list[float]()
    for number in range(5):
        body = {"session_id": f"lag-{number}", **_said("slowly")}
        through += await _read(client, f"{url}/api/chat/turns", body, lambda event: event.get("text"))
        direct += await _read(client, f"{endpoint}/chat/completions", {"messages": [_said("slowly")]}, _delta)
    return through, direct


async def _read(
    client: aiohttp.ClientSession, url: str, body: object, text_of: Callable[[dict[str, object]], object]
) -> list[float]:
    """Return how long each token, which is the moment at which it was sent, was on its way."""
    lags = []
    async with client.post(url, json=body, headers=STREAM) as answer:
        answer.raise_for_status()
        async for line in answer.content:
            if line.startswith(b"data: {"):
                text = text_of(json.loads(line[6:]))
                now = time.perf_counter()
                lags += [now - float(stamp) for stamp in str(text or "").split()]
    return lags


def _delta(chunk: dict[str, object]) -> object:
    choices = chunk.get("choices")
    return choices[0]["delta"].get("content") if isinstance(choices, list) and choices else None


async def _times(
    client: aiohttp.ClientSession, url: str, endpoint: str, number: int
) -> tuple[list[float], list[float]]:
    async def post(path: str, body: object) -> object:
        async with client.post(path, json=body) as answer:
            answer.raise_for_status()
            return await answer.read()

    async def turn() -> None:
        await post(f"{url}/api/chat/turns", {"session_id": "turns", **_said("Hi")})

    async def by_hand() -> None:
        await post(f"{url}/api/chat/messages", {"session_id": "hand", **_said("Hi")})
        async with client.get(f"{url}/api/chat/sessions/hand?limit={2 * TIMED}") as answer:
            history = (await answer.json())["messages"]
        asked = [{"role": one["role"], "content": one["content"]} for one in history]
        text = await post(f"{endpoint}/chat/completions", {"messages": asked})
        reply = {"role": "assistant", "content": str(text)[:REPLY_CHARACTERS]}
        await post(f"{url}/api/chat/messages", {"session_id": "hand", **reply})

    took: tuple[list[float], list[float]] = [], []
    for _ in range(number):
        for work, seconds in zip((turn, by_hand), took, strict=True):
            seconds.append(await _seconds(work))
    return took


async def _beside(client: aiohttp.ClientSession, url: str) -> tuple[list[float], list[float]]:
    command = ("-m", "benchmarks.asking", url, str(ASKED_BESIDE))
    asking = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=memory.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )

    async def seconds() -> list[float]:
        if asking.stdin is None or asking.stdout is None:
            raise AssertionError
        asking.stdin.write(b"again\n")
        found: list[float] = json.loads(await asking.stdout.readline())
        return found

    alone, beside = list[float](), list[float]()
    try:
        for _ in range(ROUNDS):
            alone += await seconds()
            streams = [
                asyncio.create_task(_stream(client, url, f"beside-{number}", "steadily")) for number in range(STREAMS)
            ]
            await asyncio.sleep(STEADY_TOKENS * STEADY_SECONDS / 4)  # until all of them are under way
            beside += await seconds()
            if any(each.done() for each in streams):
                raise RuntimeError("a turn had ended while others were to be measured beside it")
            await asyncio.gather(*streams)
    finally:
        if asking.returncode is None:
            asking.terminate()
        await asking.wait()
    return alone, beside


async def _stream(client: aiohttp.ClientSession, url: str, session_id: str, text: str) -> None:
    """Take a turn and read its stream to the end."""
    body = {"session_id": session_id, **_said(text)}
    async with client.post(f"{url}/api/chat/turns", json=body, headers=STREAM) as answer:
        answer.raise_for_status()
        await answer.read()


async def _seconds(work: Callable[[], Awaitable[None]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def _grow(client: aiohttp.ClientSession, url: str, process_id: int, counts: Sequence[int]) -> memory.Growth:
    resident = {}

    for begin, end in zip((0, *counts), counts, strict=False):
        for number in range(begin, end):
            await _stream(client, url, f"grow-{number % 50}-{number // 500}", "Hi")
        resident[end] = resident_bytes(process_id)
    return memory.Growth("sqlite", resident)


def _said(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


@asynccontextmanager
async def _model() -> AsyncIterator[str]:
    """Serve a model whose tokens are the moments at which they are sent, and give its address."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", _reply)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


async def _reply(request: web.Request) -> web.StreamResponse:
    messages = (await request.json())["messages"]
    asked = messages[-1]["content"]
    pace = next((pace for pace in PACES if asked.startswith(pace)), "")
    tokens = STEADY_TOKENS if pace == "steadily" else TOKENS
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    for _ in range(tokens):
        await asyncio.sleep(PACES.get(pace, 0))
        token = f"{time.perf_counter():.6f}".rjust(REPLY_CHARACTERS // TOKENS + 1)
        await _event(response, {"choices": [{"index": 0, "delta": {"content": token}, "finish_reason": None}]})
    await _event(response, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    await _event(response, {"choices": [], "usage": {"prompt_tokens": _tokens(messages), "completion_tokens": tokens}})
    await response.write(b"data: [DONE]\n\n")
    return response


def _tokens(messages: Sequence[Mapping[str, str]]) -> int:
    return sum(len(message["content"].encode()) for message in messages) // BYTES_A_TOKEN


async def _event(response: web.StreamResponse, chunk: object) -> None:
    await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
