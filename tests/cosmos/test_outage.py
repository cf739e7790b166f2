"""The store goes away and comes back: what callers of the API are told meanwhile, how soon, and what it costs."""

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from shared.http import boundary
from shared.store.cosmos import CosmosStore
from shared.store.cosmos.limits import Limits
from tests.cosmos.proxy import Broken, Exchange, Proxy, delays, running_proxy
from tests.cosmos_server.launch import ANY_KEY, CosmosServer
from tests.http.client import Answer, Client, a_session, spoken
from tests.http.conftest import Serve, function_app, serve, settings
from tests.tiers import slow_but

__all__ = ["function_app", "serve", "settings"]  # fixtures

USUAL = Limits()
READ_SECONDS = 1.0
HURRIED = Limits(read_seconds=READ_SECONDS, connect_seconds=READ_SECONDS)  # where many tests would wait
PATIENT = Limits(read_seconds=1.5)  # where a busy machine must not seem to be a silent service
SLACK_SECONDS = 10.0  # of a busy machine; the SDK's own limit would be 65 s for each of four tries
PROMPT_SECONDS = 2.0  # as well
LONGEST_START_SECONDS = 20.0  # of a store in a hurry on a busy machine
MANY = 100
SOME = 20  # where all have to be served in time, by a client, a server and a proxy in one busy thread
Timed = tuple[float, Answer]


@dataclass
class Outage:
    """What may happen between the store and its service."""

    proxy: Proxy
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def close(self) -> None:
        """Have nobody listen, and break every connection."""
        await self.proxy.stop()

    async def silence(self) -> None:
        """Take every request and answer none."""
        self.over.clear()
        self.proxy.rules.clear()
        self.proxy.on(lambda _request: True, self._never_answers, times=None)

    async def end(self) -> None:
        """Have the service back as if nothing had been."""
        self.over.set()
        self.proxy.rules.clear()
        if not self.proxy._listener or not self.proxy._listener.is_serving():
            await self.proxy.start()

    async def _never_answers(self, exchange: Exchange) -> None:
        assert exchange
        await self.over.wait()
        raise Broken


BEGIN: dict[str, Callable[[Outage], Awaitable[None]]] = {"closed": Outage.close, "silent": Outage.silence}
hurried_or_as_usual = pytest.mark.parametrize(
    "limits", [pytest.param(HURRIED, id="hurried"), pytest.param(USUAL, id="as usual", marks=pytest.mark.slow)]
)
patiently = pytest.mark.parametrize("limits", [PATIENT], ids=["patiently"])
either_outage = pytest.mark.parametrize("begin", BEGIN.values(), ids=BEGIN)


@pytest_asyncio.fixture
async def outage(server: CosmosServer) -> AsyncIterator[Outage]:
    async with running_proxy(server.endpoint) as proxy:
        made = Outage(proxy)
        yield made
        made.over.set()
        await asyncio.sleep(0)


@pytest.fixture
def limits() -> Limits:
    """Say how long to wait for the service; a test may have other limits by a parameter of this name."""
    return HURRIED


@pytest_asyncio.fixture
async def api(server: CosmosServer, outage: Outage, serve: Serve, limits: Limits) -> AsyncIterator[Client]:
    """Serve a store that has not been used yet and reaches the service through the proxy."""
    store = CosmosStore(outage.proxy.endpoint, server.key, "outage", "sessions", emulator=True, limits=limits)
    async with serve(store) as client:
        yield client
        await store.close()


@pytest_asyncio.fixture
async def path(api: Client) -> str:
    """Make a session, while all is well, and return where its messages are."""
    await until_stored(api, "/api/chat/messages")
    return f"/api/chat/sessions/{(await a_session(api))['id']}/messages"


@pytest_asyncio.fixture
async def bystander(api: Client) -> AsyncIterator[Client]:
    """Speak to the same server over connections of one's own."""
    async with aiohttp.ClientSession() as http:
        yield Client(http, api.url, api.user)


async def timed(sending: Awaitable[Answer]) -> Timed:
    started = time.monotonic()
    answer = await sending
    return time.monotonic() - started, answer


async def many_appends(api: Client, path: str, count: int = MANY) -> list[Timed]:
    return await asyncio.gather(*(timed(api.post(path, spoken())) for _ in range(count)))


def assert_unavailable(answer: Answer) -> None:
    assert answer.refusal == (503, "store_unavailable")
    assert 1 <= int(answer.headers["retry-after"]) <= 60


def assert_all_unavailable_within(seconds: float, timed_answers: list[Timed]) -> None:
    for _, answer in timed_answers:
        assert_unavailable(answer)
    assert max(waited for waited, _ in timed_answers) < seconds


def open_files() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


# How soon callers are told


@hurried_or_as_usual
@either_outage
async def test_an_append_is_503_within_few_seconds(
    api: Client, path: str, outage: Outage, begin: Callable[[Outage], Awaitable[None]], limits: Limits
) -> None:
    await begin(outage)

    answers = [await timed(api.post(path, spoken())) for _ in range(2)]

    assert_all_unavailable_within(limits.read_seconds + SLACK_SECONDS, answers)


@pytest.mark.parametrize("where", ["", "/messages", "/stats", "?limit=200"])
async def test_a_read_waits_for_a_silent_service_once(api: Client, outage: Outage, where: str) -> None:
    session = f"/api/chat/sessions/{(await a_session(api))['id']}"
    outage.proxy.requests.clear()
    await outage.silence()

    answers = [await timed(api.get(session + where)), await timed(api.get("/api/chat/sessions"))]

    assert_all_unavailable_within(READ_SECONDS + SLACK_SECONDS, answers)
    assert len(outage.proxy.requests) <= 2


@hurried_or_as_usual
@pytest.mark.parametrize("begin", slow_but(BEGIN, "closed"))
async def test_a_store_that_was_never_reached_is_503_within_few_seconds_for_everybody(
    api: Client, outage: Outage, begin: Callable[[Outage], Awaitable[None]], limits: Limits
) -> None:
    await begin(outage)

    answers = await many_appends(api, "/api/chat/sessions/any/messages")

    assert_all_unavailable_within(limits.read_seconds + SLACK_SECONDS, answers)


@pytest.fixture
def mute_port() -> Iterator[int]:
    """Name a port where connections are never made, as behind a firewall: the queue of its listener is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@hurried_or_as_usual
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue refuses connections")
async def test_a_service_that_takes_no_connections_is_503_within_few_seconds(
    serve: Serve, mute_port: int, limits: Limits
) -> None:
    store = CosmosStore(f"http://127.0.0.1:{mute_port}", ANY_KEY, "outage", "sessions", emulator=True, limits=limits)
    async with serve(store) as api:
        answers = await many_appends(api, "/api/chat/sessions/any/messages")
        await store.close()

    assert_all_unavailable_within(limits.read_seconds + SLACK_SECONDS, answers)


# Nothing piles up


@pytest.mark.parametrize(
    ("count", "limits"),
    [
        pytest.param(MANY, PATIENT, id="many"),
        pytest.param(3 * MANY, Limits(read_seconds=3), id="very many", marks=pytest.mark.slow),
    ],
)
async def test_appends_that_wait_when_the_service_falls_silent_are_told_together(
    api: Client, path: str, outage: Outage, count: int, limits: Limits
) -> None:
    await outage.silence()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=count)) as http:
        answers = await many_appends(Client(http, api.url, api.user), path, count)

    # One that comes late may be the first to find out again; the others do not wait for as long once more.
    assert_all_unavailable_within(2 * limits.read_seconds + SLACK_SECONDS, answers)


async def test_appends_in_a_silence_that_is_known_are_refused_without_asking_the_service(
    api: Client, path: str, outage: Outage
) -> None:
    await outage.silence()
    await api.post(path, spoken())
    outage.proxy.requests.clear()

    answers = [answer for _ in range(4) for answer in await many_appends(api, path)]

    assert_all_unavailable_within(READ_SECONDS + SLACK_SECONDS, answers)
    assert len(outage.proxy.requests) <= 8


@either_outage
async def test_tasks_and_connections_are_as_before_once_an_outage_is_over(
    api: Client, path: str, outage: Outage, begin: Callable[[Outage], Awaitable[None]]
) -> None:
    await many_appends(api, path)
    before = len(asyncio.all_tasks()), open_files()
    await begin(outage)
    for _ in range(3):
        assert_all_unavailable_within(READ_SECONDS + SLACK_SECONDS, await many_appends(api, path))
    await outage.end()
    await until_stored(api, path)
    await asyncio.sleep(0.1)
    after = len(asyncio.all_tasks()), open_files()

    assert after[0] <= before[0] + 5
    assert after[1] <= before[1] + 5


# Meanwhile


@either_outage
async def test_health_and_what_needs_no_store_are_answered_while_appends_wait(
    api: Client, bystander: Client, path: str, outage: Outage, begin: Callable[[Outage], Awaitable[None]]
) -> None:
    await begin(outage)
    waiting = asyncio.create_task(many_appends(api, path))
    health, needless = [], []
    while not waiting.done():
        health.append(await timed(bystander.get("/api/health")))
        needless.append(await timed(bystander.post(path, {"colour": "blue"})))
        await asyncio.sleep(0.05)
    await waiting

    assert_all_unavailable_within(3.0 + SLACK_SECONDS, health)
    assert {answer.status for _, answer in needless} == {422}
    assert max(waited for waited, _ in needless) < PROMPT_SECONDS


async def test_health_is_asked_of_a_silent_service_once_in_two_seconds(
    bystander: Client, path: str, outage: Outage
) -> None:
    assert path
    await outage.silence()
    first = await timed(bystander.get("/api/health"))
    again = [await timed(bystander.get("/api/health")) for _ in range(20)]

    assert_all_unavailable_within(3.0 + SLACK_SECONDS, [first])
    assert_all_unavailable_within(PROMPT_SECONDS, again)


@pytest.mark.parametrize("limits", [USUAL], ids=["as usual"])
async def test_a_request_of_many_slow_steps_is_broken_off_in_time_and_may_be_sent_again(
    api: Client, path: str, outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = path.removesuffix("/messages")
    for _ in range(5):
        await api.post(path, {"messages": [spoken("a text that fills generations " * 20) for _ in range(20)]})
    monkeypatch.setattr(boundary, "REQUEST_SECONDS", READ_SECONDS)
    outage.proxy.on(lambda _request: True, delays(READ_SECONDS * 0.6), times=None)

    broken_off = await timed(api.delete(session))
    outage.proxy.rules.clear()
    again = await api.delete(session)

    assert_all_unavailable_within(READ_SECONDS + PROMPT_SECONDS, [broken_off])
    assert again.status in {204, 404}
    assert (await api.get(session)).status == 404


# When it is back


async def until_stored(api: Client, path: str) -> float:
    """Append until it works again; return how many seconds that took."""
    started = time.monotonic()
    while (await api.post(path, spoken("back"))).status != 201:
        assert time.monotonic() - started < LONGEST_START_SECONDS
        await asyncio.sleep(0.05)
    return time.monotonic() - started


@patiently
@pytest.mark.parametrize("begin", slow_but(BEGIN, "closed"))
async def test_a_service_that_is_back_is_used_again_at_once_without_a_restart(
    api: Client, path: str, outage: Outage, begin: Callable[[Outage], Awaitable[None]]
) -> None:
    for _ in range(2):
        await begin(outage)
        assert_unavailable(await api.post(path, spoken()))
        await outage.end()

        assert await until_stored(api, path) < PROMPT_SECONDS + SLACK_SECONDS
        assert {answer.status for _, answer in await many_appends(api, path, SOME)} == {201}

    assert (await api.get(f"{path}?limit=1")).json["data"][0]["seq"] == 2 * (1 + SOME)


@pytest.mark.parametrize(
    "limits", [pytest.param(Limits(read_seconds=READ_SECONDS, open_seconds=0.1), id="a short rest")]
)
async def test_those_who_come_while_one_request_finds_the_service_back_are_served_too(
    api: Client, path: str, outage: Outage, limits: Limits
) -> None:
    await outage.silence()
    await api.post(path, spoken())
    await asyncio.sleep(limits.open_seconds)
    await outage.end()
    outage.proxy.on(lambda _request: True, delays(0.3), times=1)

    answers = await many_appends(api, path, SOME)

    assert {answer.status for _, answer in answers} == {201}


# Slow is not silent


@pytest.mark.slow
@patiently
async def test_a_slow_service_is_no_silent_one(api: Client, path: str, outage: Outage, limits: Limits) -> None:
    outage.proxy.on(lambda _request: True, delays(limits.read_seconds * 0.5), times=None)

    answers = [await api.post(path, spoken()), *(answer for _, answer in await many_appends(api, path, SOME))]

    assert {answer.status for answer in answers} == {201}
    assert (await api.get(f"{path}?limit=200")).json["data"][0]["seq"] == SOME + 1


@pytest.mark.slow
async def test_a_query_that_is_never_answered_harms_no_append(api: Client, path: str, outage: Outage) -> None:
    outage.proxy.on("query", outage._never_answers, times=None)

    beside = asyncio.create_task(timed(api.get("/api/chat/sessions")))
    statuses = []
    while not beside.done():
        statuses.append((await api.post(path, spoken())).status)
        await asyncio.sleep(0.05)
    _, alone = await timed(api.get("/api/chat/sessions"))
    statuses.append((await api.post(path, spoken())).status)

    assert (await beside)[1].status == alone.status == 503
    assert set(statuses) == {201}


async def test_an_append_whose_answer_comes_too_late_may_be_sent_again_and_is_stored_once(
    api: Client, path: str, outage: Outage
) -> None:
    async def answers_too_late(exchange: Exchange) -> None:
        response = await exchange.forward()
        await asyncio.sleep(READ_SECONDS * 1.5)
        await exchange.reply(response)

    outage.proxy.on("patch", answers_too_late)
    first = await api.post(path, spoken(id="only-once"))
    await asyncio.sleep(USUAL.open_seconds)
    second = await api.post(path, spoken(id="only-once"))

    assert_unavailable(first)
    assert second.status == 200
    assert [message["id"] for message in (await api.get(path)).json["data"]] == ["only-once"]


async def test_one_answer_that_never_comes_among_others_is_made_up_for(api: Client, path: str, outage: Outage) -> None:
    outage.proxy.on("patch", outage._never_answers)

    stuck = asyncio.create_task(api.post(path, spoken("stuck")))
    while not stuck.done():
        assert (await api.get(path)).status == 200
        await asyncio.sleep(0.05)

    assert (await stuck).status == 201
