"""How the memory of a serving process grows with the requests it has answered."""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import aiohttp

from benchmarks.profiles import TYPICAL
from benchmarks.resident import resident_bytes
from tests.cosmos_server.launch import CosmosServer

ROOT = Path(__file__).resolve().parent.parent
COUNTS = (5_000, 20_000, 35_000, 50_000)  # requests answered when memory is looked at
SESSIONS = 300  # more than the heads that a process keeps in memory
BATCHES, BATCH = 8, 8  # that each session begins with: more than a read returns, so later answers are no larger
AT_ONCE = 8
STOP_SECONDS = 10
KB = 1024


@dataclass(frozen=True, slots=True)
class Growth:
    """Resident memory in bytes after so many requests, half of them appends and half reads of the newest 50."""

    store: str
    resident: dict[int, int]

    @property
    def ratio(self) -> float:
        """What the process holds at the last look over what it held at the first."""
        looks = list(self.resident.values())
        return looks[-1] / looks[0]


def missing_reason() -> str | None:
    """Tell why it cannot be measured here; None when it can."""
    return None if Path("/proc/self/statm").exists() else "memory is left out: there is no /proc here"


async def measure(server: CosmosServer, counts: Sequence[int] = COUNTS) -> list[Growth]:
    """Serve and look, on SQLite and on Cosmos DB."""
    with tempfile.TemporaryDirectory() as folder:
        sqlite = {"STORE": "sqlite", "SQLITE_PATH": str(Path(folder) / "memory.db")}
        cosmos = {
            "STORE": "cosmos",
            "COSMOS_ENDPOINT": server.endpoint,
            "COSMOS_KEY": server.key,
            "COSMOS_EMULATOR": "true",
            "COSMOS_DATABASE": "memory",
        }
        return await asyncio.gather(
            _measure(sqlite, counts), _measure(cosmos, counts)
        )  # both at once: it saves minutes


async def _measure(settings: Mapping[str, str], counts: Sequence[int]) -> Growth:
    resident = {}
    with serving(settings) as (process, url):
        async with aiohttp.ClientSession(url, headers={"x-user-id": "somebody"}) as client:
            await _at_once(range(SESSIONS), partial(_begin, client))
            answered = 0
            for count in counts:
                await _ask(client, answered, count)
                answered = count
                resident[count] = resident_bytes(process.pid)
    return Growth(settings["STORE"], resident)


async def _ask(client: aiohttp.ClientSession, start: int, end: int) -> None:
    """Send requests `start` to `end`."""

    async def ask(number: int) -> None:
        turn, reads = divmod(number, 2)
        path = f"/api/chat/sessions/s-{turn % SESSIONS}"
        await _answered(client.get(path) if reads else client.post(f"{path}/messages", json=_message(number)))

    await _at_once(range(start, end), ask)


async def _begin(client: aiohttp.ClientSession, number: int) -> None:
    await _answered(client.post("/api/chat/sessions", json={"id": f"s-{number}"}))
    for _ in range(BATCHES):
        batch = {"messages": [_message(place) for place in range(BATCH)]}
        await _answered(client.post(f"/api/chat/sessions/s-{number}/messages", json=batch))


def _message(number: int) -> dict[str, str]:
    return {"role": "user", "content": TYPICAL.text(number)}


async def _at_once(numbers: Iterable[int], work: Callable[[int], Awaitable[None]]) -> None:
    """Work on all numbers, a few at a time."""
    left = iter(numbers)

    async def one_by_one() -> None:
        for number in left:
            await work(number)

    await asyncio.gather(*(one_by_one() for _ in range(AT_ONCE)))


async def _answered(request: AbstractAsyncContextManager[aiohttp.ClientResponse]) -> None:
    async with request as answer:
        await answer.read()
        answer.raise_for_status()


@contextmanager
def serving(settings: Mapping[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the local host with these settings; yield its process and address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "shared.local_host"],
        cwd=ROOT,
        env={"PATH": os.environ.get("PATH", ""), "PORT": "0", **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a line a request
        text=True,
    )
    try:
        lines = iter(process.stdout or ())
        found = next((told for line in lines if (told := re.search(r"listens on (\S+)", line))), None)
        if not found:
            raise RuntimeError("the local host did not start")
        yield process, found[1]
    finally:
        process.terminate()
        process.communicate(timeout=STOP_SECONDS)
