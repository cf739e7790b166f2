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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import aiohttp
from aiohttp import web

from benchmarks import memory
from benchmarks.profiles import TYPICAL
from benchmarks.resident import resident_bytes
from benchmarks.stage import Stage, default_settings, staged
from benchmarks.table import table
from shared.model_settings import ModelSettings
from shared.models import MessageInput, SessionInput
from shared.service import ChatService
from shared.turns.turns import Said, turns_of
from tests.cosmos_server.launch import CosmosServer

TOKENS = 40  # of a reply
TOKEN_SECONDS = 0.01  # between two, where they are timed
REPLY_CHARACTERS = 400
BYTES_A_TOKEN = 4  # of a prompt, about what English takes
LENGTH = 100  # messages of the session whose turns are charged
CHARGED = 40  # turns
RESUMED = 20
TIMED = 60  # turns, and as many by hand
COUNTS = (100, 3_000)  # streamed turns when memory is looked at
STREAMS = 32  # at once, beside which others append and read: as many as a process takes by itself
STEADY_TOKENS = 60  # of each of them
STEADY_SECONDS = 0.05  # between two: about what people can read, and hosted models say
ASKED_BESIDE = 100  # times in each round, appends and reads, from a process that has nothing else to do
ROUNDS = 5  # each without streams, then with them
PACES = {"slowly": TOKEN_SECONDS, "steadily": STEADY_SECONDS}  # seconds between two tokens, by what is asked
JSON = {"content-type": "application/json"}
STREAM = {"accept": "text/event-stream"}


class Units(NamedTuple):
    """Units of a turn whose prompt had so many messages; of two appends and a resume of RESUMED; of as many."""

    turn: float
    messages: int
    by_hand: float
    with_as_many: float


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
        units = await _units(server, endpoint)
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
    rows: list[list[str | float]] = [
        ["a token's way to the client, added by Parley, ms (≤ 5)", found.added_seconds * 1000],
        [f"a turn over append, resume of {RESUMED}, model, append (≤ 1.05)", found.time_ratio],
        [f"an append and a read beside {STREAMS} streamed turns over the same without (≤ 1.30)", found.beside_ratio],
        [f"units of a turn, whose prompt has {units.messages} messages", units.turn],
        [f"units of two appends and a resume of {RESUMED}", units.by_hand],
        ["one over the other (≤ 1.05)", units.turn / units.by_hand],
        [f"units of two appends and a resume of {units.messages}", units.with_as_many],
        ["the turn's over these", units.turn / units.with_as_many],
    ]
    if found.growth:
        first, *_, last = found.growth.resident
        rows.append([f"memory after {last:,} streamed turns over that after {first:,} (≤ 1.05)", found.growth.ratio])
    return f"""
A model that says {TOKENS} tokens on loopback, read through Parley on SQLite and directly: medians of
{len(found.through):,} tokens and of {len(found.turns)} turns, in turns. Units: means of {CHARGED} turns in a session of
{LENGTH} *typical* messages, on the test server.

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
        async with client.get(f"{url}/api/chat/sessions/hand?limit={RESUMED}") as answer:
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


async def _units(server: CosmosServer, endpoint: str) -> Units:
    async with staged(server, "turns") as stage:
        settings = replace(default_settings(), model=ModelSettings(endpoint=endpoint, name="stamps"))
        chat = ChatService(stage.store, settings)
        place = await _session(stage)
        sent: list[int] = []

        async def turn(number: int) -> None:
            said = Said([MessageInput(role="user", content=TYPICAL.text(number))])
            answered = await (await turns_of(chat).say(*place, said)).making.answered()
            sent.append(answered.reply.metadata["reply"]["history"]["messages"])

        turn_units = await _charged(stage, turn)
        await chat.settle()
        messages = round(statistics.mean(sent))
        return Units(turn_units, messages, *[await _units_by_hand(stage, number) for number in (RESUMED, messages)])


async def _units_by_hand(stage: Stage, resumed: int) -> float:
    place = await _session(stage)

    async def by_hand(number: int) -> None:
        await stage.append(place, [MessageInput(role="user", content=TYPICAL.text(number))])
        await stage.chat.store.read(*place, resumed)
        await stage.append(place, [MessageInput(role="assistant", content="x" * REPLY_CHARACTERS)])

    return await _charged(stage, by_hand)


async def _session(stage: Stage) -> tuple[str, str]:
    user_id = TYPICAL.user_id()
    session, _ = await stage.chat.create_session(user_id, SessionInput())
    place = user_id, session.id
    for number in range(LENGTH):
        await stage.append(place, [TYPICAL.message(number)])
    return place


async def _charged(stage: Stage, work: Callable[[int], Awaitable[None]]) -> float:
    with stage.proxy.phase("turns") as recorded:
        start = len(recorded)
        for number in range(CHARGED):
            await work(LENGTH + 2 * number)
            await stage.store.settle()
        return sum(one.charge for one in recorded[start:]) / CHARGED


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
    pace = messages[-1]["content"]
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
