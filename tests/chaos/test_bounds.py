"""With the store's own times: however the store fails to answer, every request is answered within thirty seconds.

One server and one proxy; the weather goes by the owner, so that all kinds of it are waited for at once.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from shared.store.cosmos.limits import Limits
from tests.chaos.stage import Stage, staged
from tests.chaos.weather import never_answers, trickles
from tests.cosmos.proxy import Request, Test, answers, delays, delays_answer
from tests.cosmos_server.launch import CosmosServer
from tests.http.client import NO_BODY, Client, spoken

LIMIT_SECONDS = 30.0
ALMOST_TOO_LATE = Limits().read_seconds * 0.9
LONG = "a text that fills generations " * 40
SESSIONS = "/api/chat/sessions"
WEATHER = {
    "never answers": never_answers,
    "only 429": answers(429, x_ms_retry_after_ms="1000"),
    "only 429 for long": answers(429, x_ms_retry_after_ms="60000"),
    "only 503": answers(503),
    "trickles": trickles(0.01),
    "trickles slowly": trickles(0.2),
    "almost too late": delays(ALMOST_TOO_LATE),
    "answers almost too late": delays_answer(ALMOST_TOO_LATE),
}
REQUESTS: dict[str, tuple[str, str, object]] = {
    "append": ("POST", f"{SESSIONS}/s0/messages", spoken()),
    "append a batch": ("POST", f"{SESSIONS}/s1/messages", {"messages": [spoken(LONG) for _ in range(20)]}),
    "read": ("GET", f"{SESSIONS}/s2?limit=200", NO_BODY),
    "page through": ("GET", f"{SESSIONS}/s2/messages?limit=200&order=asc", NO_BODY),
    "count": ("GET", f"{SESSIONS}/s2/stats", NO_BODY),
    "delete": ("DELETE", f"{SESSIONS}/s3", NO_BODY),
    "clear": ("DELETE", f"{SESSIONS}/s4/messages", NO_BODY),
    "rewind": ("DELETE", f"{SESSIONS}/s5/messages?after=5", NO_BODY),
    "live shorter": ("PATCH", f"{SESSIONS}/s6", {"ttl_seconds": 77}),
    "live longer": ("PATCH", f"{SESSIONS}/s7", {"ttl_seconds": -1}),
    "archive": ("POST", f"{SESSIONS}/s8/archive", {}),
    "list": ("GET", SESSIONS, NO_BODY),
    "create": ("POST", SESSIONS, {}),
    "append anywhere": ("POST", "/api/chat/messages", spoken()),
    "erase": ("DELETE", "/api/chat/data", NO_BODY),
    "health": ("GET", "/api/health", NO_BODY),
}


@dataclass(frozen=True)
class Waited:
    """How long one request was waited for."""

    weather: str
    request: str
    seconds: float
    status: int


pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Keep the log of what went wrong, which is much, out of the way of what matters."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest_asyncio.fixture
async def stage(server: CosmosServer) -> AsyncIterator[Stage]:
    """Serve the API with nothing hurried."""
    async with staged(server) as made:
        yield made


async def grow(api: Client, session_id: str) -> None:
    assert (await api.post(SESSIONS, {"id": session_id})).status == 201
    for _ in range(2):
        batch = {"messages": [spoken(LONG) for _ in range(20)]}
        assert (await api.post(f"{SESSIONS}/{session_id}/messages", batch)).status == 201


async def wait_for(api: Client, weather: str, name: str) -> Waited:
    started = time.monotonic()
    answer = await api.send(*REQUESTS[name])
    return Waited(weather, name, round(time.monotonic() - started, 1), answer.status)


def speaks_for(owner: str) -> Test:
    """Match what is asked of that owner's partition."""

    def test(request: Request) -> bool:
        return owner in request.headers.get("x-ms-documentdb-partitionkey", "")

    return test


async def test_whatever_the_store_does_no_request_waits_longer_than_thirty_seconds(stage: Stage) -> None:
    waits = []
    for number, (weather, act) in enumerate(WEATHER.items()):
        # an erasure ends the other sessions of its owner, so it has an owner to itself
        owners = {name: f"owner-{number}-{'erasing' if name == 'erase' else 'rest'}" for name in REQUESTS}
        for owner in set(owners.values()):
            await asyncio.gather(*(grow(stage.api.speaking_for(owner), f"s{session}") for session in range(9)))
        stage.proxy.on(speaks_for(f"owner-{number}-"), act, times=None)
        waits += [wait_for(stage.api.speaking_for(owner), weather, name) for name, owner in owners.items()]

    waited = await asyncio.gather(*waits)

    late = sorted((one for one in waited if one.seconds > LIMIT_SECONDS), key=lambda one: -one.seconds)
    assert late == []
    assert {one.status for one in waited} <= {200, 201, 204, 429, 503}


@pytest.mark.parametrize("weather", ["never answers", "trickles", "only 429 for long"])
async def test_a_store_that_never_was_reached_keeps_nobody_waiting_longer_either(
    server: CosmosServer, weather: str
) -> None:
    async with staged(server) as stage:
        await stage.store.close()  # the next request connects again
        stage.proxy.on(lambda _: True, WEATHER[weather], times=None)

        waited = await asyncio.gather(*(wait_for(stage.api, weather, name) for name in REQUESTS))

        assert max(one.seconds for one in waited) <= LIMIT_SECONDS
        assert {one.status for one in waited} <= {429, 503}
