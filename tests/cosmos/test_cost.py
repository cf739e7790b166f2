"""How many requests each verb sends to the store: these numbers are what the design is for."""

from collections.abc import Awaitable
from typing import Any

import pytest

from shared.models import MessageQuery, Session, SessionChanges, SessionFilter
from shared.store.cosmos import CosmosStore
from shared.usage import measured
from tests.builders import HOUR, a_message, a_session, an_owner, fill, messages
from tests.cosmos.stored import Stored
from tests.cosmos.test_documents import LONG, grown

ROTATION = 2  # the page, and the head's turn


@pytest.fixture
def owner() -> str:
    return an_owner()


async def requests(call: Awaitable[Any]) -> int:
    with measured() as usage:
        await call
    return usage.requests


async def append_until_rotation(store: CosmosStore, session: Session) -> list[int]:
    """Append a message at a time until one cost more; return what each cost."""
    costs: list[int] = []
    while not costs or costs[-1] == 1:
        costs.append(await requests(store.append(session.user_id, session.id, [a_message(LONG)])))
    return costs


@pytest.mark.parametrize("count", [1, 6])
@pytest.mark.parametrize("length", [0, 10, 200])
async def test_an_append_is_one_request_at_any_length(store: CosmosStore, owner: str, count: int, length: int) -> None:
    session = await store.create(a_session(owner))
    await fill(store, session, length)
    await store.append(owner, session.id, [a_message()])

    assert await requests(store.append(owner, session.id, messages(count))) == 1


async def test_a_rotation_adds_two_requests_to_the_append_that_crosses_the_threshold(
    store: CosmosStore, owner: str
) -> None:
    session = await store.create(a_session(owner))

    first = await append_until_rotation(store, session)
    second = await append_until_rotation(store, session)

    assert first[-1] == 1 + ROTATION - 1  # there is no page before the first generation
    assert second[-1] == 1 + ROTATION


async def test_an_append_with_its_rotations_costs_little_more_than_one_request(store: CosmosStore, owner: str) -> None:
    session = await store.create(a_session(owner))

    costs = [await requests(store.append(owner, session.id, [a_message("x" * 400)])) for _ in range(200)]

    assert sum(costs) / len(costs) <= 1.15


@pytest.mark.parametrize("length", [0, 60])
async def test_a_batch_is_a_read_of_the_head_and_a_rotation(store: CosmosStore, owner: str, length: int) -> None:
    session = await store.create(a_session(owner))
    await fill(store, session, length)

    assert await requests(store.append(owner, session.id, messages(20))) == 3 - (not length)


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
