"""read_messages: a session's messages in pages, in the order of seq, either way."""

from typing import Any

import pytest

from shared.errors import SessionNotFoundError
from shared.models import Message, MessageQuery, Session
from shared.store.port import SessionStore
from tests.builders import a_message, all_messages, fill, message_pages, messages

LONG = "a rather long description of the one who speaks here " * 4
BEYOND_64_BITS = 10**30


async def seqs(store: SessionStore, session: Session, **query: Any) -> list[int]:
    page = await store.read_messages(session.user_id, session.id, MessageQuery(**{"limit": 200, **query}))
    return [message.seq for message in page.messages]


async def test_a_session_that_never_was_has_no_messages_to_read(store: SessionStore, owner: str) -> None:
    with pytest.raises(SessionNotFoundError):
        await store.read_messages(owner, "nothing-here", MessageQuery(limit=10))


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_an_empty_session_has_an_empty_page(store: SessionStore, session: Session, order: Any) -> None:
    page = await store.read_messages(session.user_id, session.id, MessageQuery(limit=10, order=order))

    assert page.messages == []
    assert not page.has_more


async def test_the_newest_come_first_unless_told_otherwise(store: SessionStore, session: Session) -> None:
    await fill(store, session, 3)

    assert await seqs(store, session) == [3, 2, 1]


async def test_ascending_order_begins_with_the_oldest(store: SessionStore, session: Session) -> None:
    await fill(store, session, 3)

    assert await seqs(store, session, order="asc") == [1, 2, 3]


async def test_order_goes_by_seq_and_not_by_a_clock(store: SessionStore, session: Session) -> None:
    newer, older = messages(2)
    await store.append(session.user_id, session.id, [older])
    await store.append(session.user_id, session.id, [newer])

    stored = await all_messages(store, session)

    assert [message.id for message in stored] == [older.id, newer.id]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"after": 3}, [4, 5, 6]),
        ({"before": 3}, [1, 2]),
        ({"after": 2, "before": 5}, [3, 4]),
        ({"after": 2, "before": 3}, []),
        ({"after": 5, "before": 2}, []),
        ({"after": 0}, [1, 2, 3, 4, 5, 6]),
        ({"after": -7}, [1, 2, 3, 4, 5, 6]),
        ({"before": 7}, [1, 2, 3, 4, 5, 6]),
        ({"after": 6}, []),
        ({"after": 60}, []),
        ({"before": 1}, []),
        ({"before": 0}, []),
        ({"before": -7}, []),
        ({"before": BEYOND_64_BITS}, [1, 2, 3, 4, 5, 6]),
        ({"after": BEYOND_64_BITS}, []),
        ({"after": -BEYOND_64_BITS}, [1, 2, 3, 4, 5, 6]),
        ({"before": -BEYOND_64_BITS}, []),
    ],
)
async def test_bounds_are_exclusive(
    store: SessionStore, session: Session, order: Any, bounds: dict[str, int], expected: list[int]
) -> None:
    await fill(store, session, 6)

    assert sorted(await seqs(store, session, order=order, **bounds)) == expected


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [({"after": 7}, 113), ({"before": 100}, 99), ({"after": 30, "before": 91}, 60), ({"after": 118}, 2)],
)
@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_bounds_hold_deep_in_a_long_session(
    store: SessionStore, session: Session, order: Any, bounds: dict[str, int], expected: int
) -> None:
    await fill(store, session, 120, persona=LONG)

    found = await all_messages(store, session, order=order, limit=25, **bounds)

    first = bounds.get("after", 0) + 1
    assert sorted(message.seq for message in found) == list(range(first, first + expected))


async def test_a_page_ends_at_its_limit(store: SessionStore, session: Session) -> None:
    await fill(store, session, 5)

    page = await store.read_messages(session.user_id, session.id, MessageQuery(limit=2))

    assert [message.seq for message in page.messages] == [5, 4]
    assert page.has_more


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_a_limit_of_just_all_messages_leaves_no_more(store: SessionStore, session: Session, order: Any) -> None:
    await fill(store, session, 4)

    page = await store.read_messages(session.user_id, session.id, MessageQuery(limit=4, order=order))

    assert len(page.messages) == 4
    assert not page.has_more


@pytest.mark.parametrize("limit", [1, 3, 50, 89, 90])
@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_pages_hold_every_message_once_in_order(
    store: SessionStore, session: Session, order: Any, limit: int
) -> None:
    stored = await fill(store, session, 90, persona=LONG)

    found = await all_messages(store, session, order=order, limit=limit)

    assert found == (stored if order == "asc" else stored[::-1])


async def test_pages_that_have_begun_do_not_see_what_comes_later(store: SessionStore, session: Session) -> None:
    await fill(store, session, 40, persona=LONG)
    found: list[Message] = []

    async for page in message_pages(store, session, MessageQuery(limit=10)):
        found += page
        await fill(store, session, 20, persona=LONG)

    assert [message.seq for message in found] == list(range(40, 0, -1))


async def test_ascending_pages_go_on_into_what_comes_later(store: SessionStore, session: Session) -> None:
    await fill(store, session, 30)
    first = await store.read_messages(session.user_id, session.id, MessageQuery(limit=20, order="asc"))
    await fill(store, session, 20)

    rest = MessageQuery(limit=200, order="asc", after=first.next_seq, page_hint=first.page_hint)

    assert [message.seq async for page in message_pages(store, session, rest) for message in page] == [*range(21, 51)]


async def test_polling_beyond_the_end_finds_nothing_until_something_comes(
    store: SessionStore, session: Session
) -> None:
    await fill(store, session, 2)
    assert await seqs(store, session, after=2, order="asc") == []

    await store.append(session.user_id, session.id, [a_message()])

    assert await seqs(store, session, after=2, order="asc") == [3]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("role", ["user", "assistant", "system", "developer", "tool"])
async def test_a_role_selects_its_messages(store: SessionStore, session: Session, order: Any, role: Any) -> None:
    roles: list[Any] = ["system", "user", "assistant", "user", "tool", "assistant", "user"]
    await store.append(session.user_id, session.id, [a_message(role=each) for each in roles])

    found = await all_messages(store, session, order=order, role=role, limit=2)

    expected = [seq for seq, each in enumerate(roles, 1) if each == role]
    assert [message.seq for message in found] == (expected if order == "asc" else expected[::-1])


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_a_rare_role_is_found_in_a_long_session(store: SessionStore, session: Session, order: Any) -> None:
    await fill(store, session, 60, persona=LONG)
    await store.append(session.user_id, session.id, [a_message(role="tool")])
    await fill(store, session, 60, persona=LONG)

    found = await all_messages(store, session, order=order, role="tool", limit=5)

    assert [message.seq for message in found] == [61]


async def test_role_and_bounds_hold_together(store: SessionStore, session: Session) -> None:
    for role in ("user", "assistant") * 5:
        await store.append(session.user_id, session.id, [a_message(role=role)])

    found = await all_messages(store, session, role="assistant", after=3, before=9)

    assert [message.seq for message in found] == [4, 6, 8]
