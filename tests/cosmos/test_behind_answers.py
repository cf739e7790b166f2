"""What is done behind an answer: nobody waits for it, and nobody misses it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from time import time

import pytest
import pytest_asyncio

from shared.errors import PreconditionFailedError
from shared.models import Session, SessionChanges
from shared.store.cosmos import CosmosStore
from tests.builders import HOUR, a_message, a_session, all_messages, an_owner, messages
from tests.cosmos.proxy import Act, Exchange, Proxy, Request, passes, resets
from tests.cosmos.stored import Stored
from tests.cosmos_server.launch import CosmosServer

FILLING = [a_message("x" * 2_500) for _ in range(2)]
RENEWED = HOUR // 2  # seconds from one renewal to the next


@pytest_asyncio.fixture
async def opened(server: CosmosServer, proxy: Proxy) -> AsyncIterator[Callable[[], Awaitable[CosmosStore]]]:
    """Return a function that opens the store of another process."""
    stores: list[CosmosStore] = []

    async def open_store() -> CosmosStore:
        stores.append(CosmosStore(proxy.endpoint, server.key, "behind", "sessions", emulator=True))
        await stores[-1].ping()
        return stores[-1]

    yield open_store
    for store in stores:
        await store.close()


@pytest_asyncio.fixture
async def session(opened: Callable[[], Awaitable[CosmosStore]]) -> Session:
    """Make a session whose head one more message fills, in a process that is not asked again."""
    return await (await opened()).create(a_session(an_owner()), FILLING)


def is_batch(request: Request) -> bool:
    return request.kind == "batch"


def held(until: asyncio.Event, then: Act = passes) -> Act:
    async def act(exchange: Exchange) -> None:
        await until.wait()
        await then(exchange)

    return act


async def stored_in(store: CosmosStore) -> Stored:
    return Stored(await store._connection.container())


async def test_no_append_waits_for_a_rotation(
    opened: Callable[[], Awaitable[CosmosStore]], proxy: Proxy, session: Session
) -> None:
    store, released = await opened(), asyncio.Event()
    proxy.on(is_batch, held(released))

    appended = await store.append(session.user_id, session.id, [a_message("x" * 2_500)])

    stored = await stored_in(store)
    assert appended.messages[0].seq == 3
    assert await stored.pages(session) == []
    released.set()
    await store.settle()
    assert [len(page["messages"]) for page in await stored.pages(session)] == [3]
    assert [message.seq for message in await all_messages(store, session)] == [1, 2, 3]


async def test_a_rotation_that_is_lost_is_made_up_for_by_a_later_append(
    opened: Callable[[], Awaitable[CosmosStore]], proxy: Proxy, session: Session
) -> None:
    proxy.on(is_batch, resets, times=3)
    lost = await opened()
    await lost.append(session.user_id, session.id, [a_message("x" * 2_500)])
    await lost.settle()
    stored = await stored_in(lost)
    assert await stored.pages(session) == []

    for _ in range(3):
        store = await opened()
        await store.append(session.user_id, session.id, [a_message("x" * 2_500)])
        await store.settle()

    assert await stored.pages(session) != []
    assert len(await all_messages(store, session)) == 6


async def test_a_renewal_that_comes_near_is_done_behind_an_append(
    opened: Callable[[], Awaitable[CosmosStore]], proxy: Proxy, session: Session
) -> None:
    store, released = await opened(), asyncio.Event()
    await store.append(session.user_id, session.id, messages(7, metadata={"text": "x" * 1_000}))
    stored = await stored_in(store)
    near = int(time()) + RENEWED // 8
    await stored.set(session, renew_at=near)
    page = (await stored.pages(session))[0]
    await stored.set(session, page["id"], ttl=RENEWED)
    proxy.on(lambda request: request.item_id == page["id"], held(released))

    await store.append(session.user_id, session.id, [a_message()])

    assert (await stored.head(session))["renew_at"] == near
    released.set()
    await store.settle()
    assert (await stored.head(session))["renew_at"] >= near + RENEWED // 2
    assert (await stored.pages(session))[0]["ttl"] == 2 * HOUR + 5


async def test_a_store_that_is_closed_finishes_what_it_has_begun(
    opened: Callable[[], Awaitable[CosmosStore]], session: Session
) -> None:
    store = await opened()
    await store.append(session.user_id, session.id, [a_message("x" * 2_500)])

    await store.close()

    other = await opened()
    assert len(await (await stored_in(other)).pages(session)) == 1


async def clear(store: CosmosStore, session: Session) -> None:
    await store.clear(session.user_id, session.id)


async def make_anew(store: CosmosStore, session: Session) -> None:
    await store.delete(session.user_id, session.id)
    await store.create(a_session(session.user_id, id=session.id), messages(3))


async def rewind(store: CosmosStore, session: Session) -> None:
    await store.rewind(session.user_id, session.id, 2)


async def archive(store: CosmosStore, session: Session) -> None:
    await store.update(session.user_id, session.id, SessionChanges(is_active=False))


async def append(store: CosmosStore, session: Session) -> None:
    await store.append(session.user_id, session.id, messages(2))


async def append_until_another_rotates(store: CosmosStore, session: Session) -> None:
    for _ in range(4):
        await store.append(session.user_id, session.id, [a_message("x" * 2_500)])
        await store.settle()


@pytest.mark.parametrize("meanwhile", [clear, make_anew, rewind, archive, append, append_until_another_rotates])
async def test_a_rotation_that_was_frozen_changes_nothing_of_what_was_done_meanwhile(
    opened: Callable[[], Awaitable[CosmosStore]],
    proxy: Proxy,
    session: Session,
    meanwhile: Callable[[CosmosStore, Session], Awaitable[None]],
) -> None:
    frozen, other, sent, released = await opened(), await opened(), asyncio.Event(), asyncio.Event()

    async def freeze(exchange: Exchange) -> None:
        sent.set()
        await held(released)(exchange)

    proxy.on(is_batch, freeze)
    await frozen.append(session.user_id, session.id, [a_message("x" * 2_500)])
    await sent.wait()
    await meanwhile(other, session)
    before = await all_messages(other, session)

    released.set()
    await frozen.settle()

    head = await (stored := await stored_in(other)).head(session)
    pages = await stored.pages(session)
    assert await all_messages(await opened(), session) == before
    assert {page["epoch"] for page in pages} <= {head["log"]["epoch"]}
    assert len(pages) == max(0, head["log"]["generation"] - 1)


async def test_what_goes_on_behind_an_answer_leaves_the_etag_that_it_told(
    opened: Callable[[], Awaitable[CosmosStore]], session: Session
) -> None:
    store = await opened()
    told = await store.append(session.user_id, session.id, [a_message("x" * 2_500)])
    await store.settle()
    stored = await stored_in(store)
    await stored.set(session, renew_at=int(time()) + 1)
    near = await store.append(session.user_id, session.id, [a_message()], told.etag)
    await store.settle()

    appended = await store.append(session.user_id, session.id, [a_message()], near.etag)

    assert len(await stored.pages(session)) == 1
    assert appended.message_count == 5
    with pytest.raises(PreconditionFailedError):
        await store.append(session.user_id, session.id, [a_message()], near.etag)
