"""How many requests each verb sends to the store: these numbers are what the design is for."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from shared.models import MessageQuery, SessionChanges, SessionFilter
from shared.store.cosmos import CosmosStore
from shared.store.cosmos.limits import Limits
from tests.builders import HOUR, a_message, a_session, fill, messages
from tests.conftest import CosmosPlace, open_cosmos
from tests.cosmos.requests import requests
from tests.cosmos.stored import Stored
from tests.cosmos.test_documents import LONG, grown

LIMITS = Limits()


async def elsewhere(place: CosmosPlace, work: Callable[[CosmosStore], Awaitable[Any]]) -> Any:
    """Let another process do something, whose store this one's does not know of."""
    other = open_cosmos(place)
    try:
        return await work(other)
    finally:
        await other.close()


@pytest.mark.parametrize("count", [1, 6])
@pytest.mark.parametrize("length", [0, 10, 200])
async def test_an_append_is_one_request_at_any_length(store: CosmosStore, owner: str, count: int, length: int) -> None:
    session = await store.create(a_session(owner))
    await fill(store, session, length)
    await store.append(owner, session.id, [a_message()])

    assert await requests(store.append(owner, session.id, messages(count))) == 1


async def test_an_append_that_fills_a_head_it_knows_takes_what_it_held_along(
    store: CosmosStore, stored: Stored, owner: str
) -> None:
    session = await store.create(a_session(owner))

    costs = [await requests(store.append(owner, session.id, [a_message("x" * 400)])) for _ in range(60)]

    assert set(costs) == {1}
    pages = await stored.pages(session)
    assert len(pages) >= 4
    assert (await stored.log(session))["bytes"] < LIMITS.generation_bytes


async def test_an_append_that_fills_a_head_it_does_not_know_is_followed_by_one_batch(
    cosmos_place: CosmosPlace, store: CosmosStore, stored: Stored, owner: str
) -> None:
    session = await store.create(a_session(owner), messages(3, metadata={"text": LONG}))
    assert await requests(elsewhere(cosmos_place, lambda other: other.get(owner, session.id))) == 1

    message = a_message("x" * 4_000)
    sent = await requests(elsewhere(cosmos_place, lambda other: other.append(owner, session.id, [message])))

    assert sent == 2
    assert [len(page["messages"]) for page in await stored.pages(session)] == [4]
    assert (await stored.log(session))["messages"] == []


async def test_where_what_is_known_of_a_head_is_old_an_append_costs_a_refusal_once_and_then_none(
    cosmos_place: CosmosPlace, store: CosmosStore, owner: str
) -> None:
    session = await store.create(a_session(owner), messages(3, metadata={"text": LONG}))
    await elsewhere(cosmos_place, lambda other: other.append(owner, session.id, [a_message()]))

    # the batch, the head, the append, and behind it the batch that empties the head
    assert await requests(store.append(owner, session.id, [a_message("x" * 4_000)])) == 4
    for _ in range(3):
        await elsewhere(cosmos_place, lambda other: other.append(owner, session.id, [a_message("x" * 1_500)]))
        assert await requests(store.append(owner, session.id, [a_message("x" * 1_500)])) <= 3


@pytest.mark.parametrize("length", [0, 60])
async def test_a_large_batch_is_one_request_where_the_head_is_known_and_two_elsewhere(
    cosmos_place: CosmosPlace, store: CosmosStore, owner: str, length: int
) -> None:
    session = await store.create(a_session(owner))
    await fill(store, session, length)

    assert await requests(store.append(owner, session.id, messages(20))) == 1
    assert await requests(elsewhere(cosmos_place, lambda it: it.append(owner, session.id, messages(20)))) == 2


async def test_a_large_message_never_rides_in_the_head(store: CosmosStore, stored: Stored, owner: str) -> None:
    session = await store.create(a_session(owner), [a_message("x" * 100_000)])
    await store.append(owner, session.id, [a_message()])
    assert await requests(store.append(owner, session.id, [a_message("y" * 200_000)])) == 1

    assert (await stored.log(session))["messages"] == []
    assert [len(page["messages"]) for page in await stored.pages(session)] == [1, 2]
    assert await requests(store.append(owner, session.id, [a_message()])) == 1


async def test_a_repeat_is_refused_and_explained_with_one_read(store: CosmosStore, owner: str) -> None:
    session = await store.create(a_session(owner))
    message = a_message()
    await store.append(owner, session.id, [message])

    assert await requests(store.append(owner, session.id, [message])) == 2


@pytest.mark.parametrize("length", [0, 3, 200])
async def test_resuming_is_one_point_read_at_any_length(store: CosmosStore, owner: str, length: int) -> None:
    session = await store.create(a_session(owner))
    await fill(store, session, length)

    assert await requests(store.read(owner, session.id, 10)) == 1
    assert await requests(store.read_messages(owner, session.id, MessageQuery(limit=10))) == 1
    assert await requests(store.get(owner, session.id)) == 1
    assert await requests(store.stats(owner, session.id)) == 1


@pytest.mark.parametrize(("length", "asked"), [(3, 0), (60, 1)])
async def test_what_a_write_was_answered_with_is_not_read_again(
    cosmos_place: CosmosPlace, store: CosmosStore, owner: str, length: int, asked: int
) -> None:
    session = await store.create(a_session(owner))
    await fill(store, session, length, metadata={"text": "x" * 300})
    etag = (await store.append(owner, session.id, [a_message()])).etag

    assert await requests(store.read(owner, session.id, 50, as_of=etag)) == asked
    assert await requests(elsewhere(cosmos_place, lambda other: other.read(owner, session.id, 1, as_of=etag))) == 1
    await elsewhere(cosmos_place, lambda other: other.append(owner, session.id, [a_message("And more")]))
    assert await requests(store.read(owner, session.id, 1)) == 1


async def test_reading_on_from_a_cursor_is_the_head_and_a_page(store: CosmosStore, stored: Stored, owner: str) -> None:
    session = await grown(store, owner, 60)
    pages = await stored.pages(session)
    place = pages[3]

    query = MessageQuery(limit=2, order="asc", after=place["first_seq"], page_hint=3)

    assert await requests(store.read_messages(owner, session.id, query)) == 2


@pytest.mark.parametrize("length", [0, 60])
async def test_creating_renaming_and_listing_are_one_request_each(store: CosmosStore, owner: str, length: int) -> None:
    session = await store.create(a_session(owner))
    await fill(store, session, length)

    assert await requests(store.create(a_session(owner), messages(2))) == 1
    assert await requests(store.update(owner, session.id, SessionChanges(session_name="new"))) == 1
    assert await requests(store.list_sessions(owner, SessionFilter(), 20)) == 1
    assert await requests(store.list_sessions(owner, SessionFilter(name="new", tags=["a"]), 20)) == 1
    assert await requests(store.ping()) == 1


@pytest.mark.parametrize("changes", [{"ttl_seconds": 2 * HOUR}, {"ttl_seconds": 60}, {"pinned": True}], ids=str)
async def test_a_change_of_the_ttl_is_a_read_and_a_write_of_the_head_and_a_write_of_each_page(
    store: CosmosStore, stored: Stored, owner: str, changes: dict[str, Any]
) -> None:
    short = await store.create(a_session(owner))
    long = await grown(store, owner)
    pages = len(await stored.pages(long))
    settled = 1 if changes == {"ttl_seconds": 60} else 0

    assert await requests(store.update(owner, short.id, SessionChanges(**changes))) == 2
    assert await requests(store.update(owner, long.id, SessionChanges(**changes))) == 3 + pages + settled


async def test_a_renewal_is_explained_listed_written_once_per_page_and_noted(
    store: CosmosStore, stored: Stored, owner: str
) -> None:
    session = await grown(store, owner)
    pages = await stored.pages(session)
    for page in pages:
        await stored.set(session, page["id"], ttl=60)
    await stored.set(session, renew_at=1)

    # refused, the head, the list, the pages, the note, and again
    assert await requests(store.append(owner, session.id, [a_message()])) == 3 + len(pages) + 2


async def test_a_clear_reads_and_writes_the_head_looks_for_pages_and_settles(
    store: CosmosStore, stored: Stored, owner: str
) -> None:
    short = await store.create(a_session(owner))
    long = await grown(store, owner)
    pages = len(await stored.pages(long))

    assert await requests(store.clear(owner, short.id)) == 4
    assert await requests(store.clear(owner, long.id)) == 4 + pages


async def test_a_delete_reads_buries_removes_and_looks_for_pages_twice(
    store: CosmosStore, stored: Stored, owner: str
) -> None:
    short = await store.create(a_session(owner))
    long = await grown(store, owner)
    pages = len(await stored.pages(long))

    assert await requests(store.delete(owner, short.id)) == 5
    assert await requests(store.delete(owner, long.id)) == 5 + pages
