"""How pages are read and found: how many requests that takes, and what comes of pages that are not there."""

import pytest

from shared.errors import StoreUnavailableError
from shared.models import MessageQuery, Session
from shared.store.cosmos import CosmosStore
from shared.store.cosmos.head import Head
from shared.store.cosmos.pages import QUERY_FROM, find_page, read_pages
from shared.store.cosmos.partition import Partition
from shared.usage import measured
from tests.builders import a_message, a_session, all_messages
from tests.cosmos.requests import requests
from tests.cosmos.stored import Stored
from tests.cosmos.test_documents import grown
from tests.cosmos.test_races import Interrupted, slow

HALF_MEGABYTE = 512 * 1024
FEW_READS = 12  # of 60 pages: twice as many as halving takes

__all__ = ["slow"]  # a fixture


async def opened(store: CosmosStore, stored: Stored, session: Session) -> tuple[Partition, Head]:
    return store._items.of(session.user_id), Head(await stored.head(session))


@pytest.mark.parametrize("pages", [1, 2, 3, 5, 9])
async def test_pages_come_in_the_order_asked_for_by_a_request_each_or_by_one_for_all(
    store: CosmosStore, stored: Stored, owner: str, pages: int
) -> None:
    partition, head = await opened(store, stored, await grown(store, owner, 110))
    wanted = [4, 0, 7, 2, 8, 1, 6, 3, 5][:pages]

    with measured() as usage:
        found = await read_pages(partition, head, wanted)

    assert [page["generation"] for page in found] == wanted
    assert usage.requests == (pages if pages < QUERY_FROM else 1)


@pytest.mark.parametrize("limit", [50, 80])
async def test_a_resume_far_beyond_the_head_is_one_query_and_where_the_head_is_not_known_a_read_before(
    store: CosmosStore, owner: str, limit: int
) -> None:
    session = await grown(store, owner, 150)

    assert await requests(store.read(owner, session.id, limit)) == 1
    store._items.known_heads.forget(owner, session.id)
    assert await requests(store.read(owner, session.id, limit)) == 2


@pytest.mark.parametrize(("order", "bound"), [("desc", "before"), ("asc", "after")])
async def test_a_page_back_and_an_export_go_on_from_their_cursor_by_the_head_and_a_query(
    store: CosmosStore, owner: str, order: str, bound: str
) -> None:
    session = await grown(store, owner, 200)
    first = await store.read_messages(owner, session.id, MessageQuery(limit=45, order=order))  # type: ignore[arg-type]

    query = MessageQuery(limit=45, order=order, page_hint=first.page_hint, **{bound: first.next_seq})  # type: ignore[arg-type]

    assert await requests(store.read_messages(owner, session.id, query)) == 2
    seqs = [message.seq for message in (await store.read_messages(owner, session.id, query)).messages]
    assert sorted(seqs) == (list(range(111, 156)) if order == "desc" else list(range(46, 91)))


async def test_pages_of_more_than_one_answer_of_the_service_are_all_read(store: CosmosStore, owner: str) -> None:
    session = await store.create(a_session(owner))
    sent = [a_message(letter * HALF_MEGABYTE) for letter in "abcdefghijklmn"]
    for message in sent:
        await store.append(owner, session.id, [message])

    read = await all_messages(store, session)

    assert [message.id for message in read] == [message.id for message in sent]


async def test_a_history_that_is_cleared_before_its_pages_are_queried_reads_as_cleared(
    slow: Interrupted, owner: str
) -> None:
    session = await grown(slow.others, owner, 80)

    slow.before("query", lambda: slow.others.clear(owner, session.id))
    _, page = await slow.store.read(owner, session.id, 70)

    assert page.messages == []


async def test_a_page_that_a_query_does_not_find_is_no_gap(store: CosmosStore, stored: Stored, owner: str) -> None:
    session = await grown(store, owner, 80)
    await stored.remove(session, (await stored.pages(session))[3]["id"])

    with pytest.raises(StoreUnavailableError):
        await store.read(owner, session.id, 70)


async def test_every_message_is_found_among_uneven_pages_in_a_few_reads(
    store: CosmosStore, stored: Stored, owner: str
) -> None:
    session = await store.create(a_session(owner))
    for number in range(60):
        size = 20 if number < 10 or number % 9 == 0 else 1
        await store.append(owner, session.id, [a_message("x" * (4000 if size == 1 else 200)) for _ in range(size)])
    partition, head = await opened(store, stored, session)
    assert head.counted_pages > 20

    for seq in range(1, head.previous_first_seq, 3):
        with measured() as usage:
            page = await find_page(partition, head, seq)

        assert page["first_seq"] <= seq < page["first_seq"] + len(page["messages"])
        assert usage.requests <= FEW_READS
