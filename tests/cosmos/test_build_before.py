"""Instances of this build and of the one before it, which never empties a head in one batch, on one container.

The build before runs in a process of its own, out of the repository's history.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from benchmarks import before
from benchmarks.peers.build import BuildBefore
from benchmarks.peers.peer import Place
from shared.models import NewMessage, SessionFilter
from shared.store.cosmos import CosmosStore
from shared.usage import measured
from tests.builders import a_message, all_messages
from tests.cosmos_server.launch import CosmosServer

DATABASE, OWNER = "before", "somebody"  # the owner that the worker of a build writes for
reason = before.missing_reason()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(reason is not None, reason=reason or "")]


def texts(first: int, number: int) -> list[str]:
    return [f"message {place} " + "x" * 900 for place in range(first, first + number)]


def sent(first: int, number: int) -> list[NewMessage]:
    return [a_message(text) for text in texts(first, number)]


@pytest_asyncio.fixture
async def build_before(server: CosmosServer) -> AsyncIterator[BuildBefore]:
    async with BuildBefore.opened(Place(server.endpoint, server.key, DATABASE), "s") as opened:
        yield opened


@pytest_asyncio.fixture
async def store(server: CosmosServer) -> AsyncIterator[CosmosStore]:
    opened = CosmosStore(server.endpoint, server.key, DATABASE, BuildBefore.container, emulator=True)
    yield opened
    await opened.close()


async def test_both_builds_go_on_with_what_the_other_has_written(build_before: BuildBefore, store: CosmosStore) -> None:
    for place in range(20):
        await build_before.add(texts(place, 1))
    session = (await store.list_sessions(OWNER, SessionFilter(), 1)).sessions[0]
    in_head = (await store._items.of(OWNER).read(session.id))["log"]
    assert in_head["previous"], "the build before left no head of two generations"
    store._items.known_heads.forget(OWNER, session.id)

    with measured() as usage:
        await store.append(OWNER, session.id, sent(20, 1))
    assert usage.requests == 1
    await store.settle()

    written = 21
    for _ in range(3):
        for number in (1, 2, 9, 1, 1, 12):
            await store.append(OWNER, session.id, sent(written, number))
            await store.settle()
            written += number
        assert not (await store._items.of(OWNER).read(session.id))["log"]["previous"]
        for number in (1, 2, 1, 1, 15, 2, 1):
            await build_before.add(texts(written, number))
            written += number
        assert await build_before._call("back", 1, 200) == min(written, 200)

    history = await all_messages(store, session)
    assert [message.content for message in history] == texts(0, written)
    assert [message.seq for message in history] == list(range(1, written + 1))
