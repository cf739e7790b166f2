"""clear: every message goes, the session stays and counts on."""

import pytest

from shared.errors import SessionNotFoundError
from shared.models import Session
from shared.store.port import SessionStore
from tests.builders import a_message, a_session, all_messages, fill, messages

LONG = "a rather long description of the one who speaks here " * 4


async def test_a_session_that_never_was_cannot_be_cleared(store: SessionStore, owner: str) -> None:
    with pytest.raises(SessionNotFoundError):
        await store.clear(owner, "nothing-here")


@pytest.mark.parametrize("count", [1, 20, 120])
async def test_no_message_is_left(store: SessionStore, session: Session, count: int) -> None:
    await fill(store, session, count, persona=LONG)

    await store.clear(session.user_id, session.id)

    read, page = await store.read(session.user_id, session.id, limit=10)
    assert read.message_count == 0
    assert page.messages == await all_messages(store, session) == []
    assert not page.has_more


async def test_a_cleared_session_has_no_last_message(store: SessionStore, session: Session) -> None:
    await fill(store, session, 2)

    await store.clear(session.user_id, session.id)

    assert (await store.get(session.user_id, session.id)).last_message_at is None


async def test_everything_else_of_the_session_stays(store: SessionStore, owner: str) -> None:
    new = a_session(owner, session_name="n", channel="c", context={"a": 1}, tags=["t"], pinned=True)
    session = await store.create(new, messages(3))

    await store.clear(owner, session.id)

    moved = {"message_count", "last_message_at", "updated_at", "expires_at", "etag"}
    after = await store.get(owner, session.id)
    assert after.model_dump(exclude=moved) == session.model_dump(exclude=moved)


async def test_clearing_is_a_change_but_no_activity(store: SessionStore, session: Session) -> None:
    await fill(store, session, 2)
    before = await store.get(session.user_id, session.id)

    await store.clear(session.user_id, session.id)

    after = await store.get(session.user_id, session.id)
    assert after.updated_at > before.updated_at
    assert after.last_activity_at == before.last_activity_at
    assert after.etag != before.etag


@pytest.mark.parametrize("count", [1, 20, 120])
async def test_numbering_goes_on_after_the_last_seq(store: SessionStore, session: Session, count: int) -> None:
    await fill(store, session, count, persona=LONG)
    await store.clear(session.user_id, session.id)

    appended = await store.append(session.user_id, session.id, messages(2))

    assert [message.seq for message in appended.messages] == [count + 1, count + 2]
    assert appended.message_count == 2


async def test_numbering_goes_on_with_a_full_batch(store: SessionStore, session: Session) -> None:
    await fill(store, session, 3)
    await store.clear(session.user_id, session.id)

    appended = await store.append(session.user_id, session.id, messages(20))

    assert [message.seq for message in appended.messages] == list(range(4, 24))


async def test_cleared_ids_may_be_used_again(store: SessionStore, session: Session) -> None:
    message = a_message("before")
    await store.append(session.user_id, session.id, [message])
    await store.clear(session.user_id, session.id)

    appended = await store.append(session.user_id, session.id, [message.model_copy(update={"content": "after"})])

    assert appended.created
    assert [each.content for each in await all_messages(store, session)] == ["after"]


async def test_ids_of_long_ago_may_be_used_again_too(store: SessionStore, session: Session) -> None:
    sent = messages(20, persona=LONG)
    await store.append(session.user_id, session.id, sent)
    await fill(store, session, 60, persona=LONG)
    await store.clear(session.user_id, session.id)

    appended = await store.append(session.user_id, session.id, sent)

    assert appended.created


async def test_an_empty_session_may_be_cleared(store: SessionStore, session: Session) -> None:
    await store.clear(session.user_id, session.id)

    assert (await store.append(session.user_id, session.id, [a_message()])).messages[0].seq == 1


async def test_clearing_twice_is_as_clearing_once(store: SessionStore, session: Session) -> None:
    await fill(store, session, 50, persona=LONG)
    await store.clear(session.user_id, session.id)
    await store.clear(session.user_id, session.id)

    appended = await store.append(session.user_id, session.id, [a_message()])

    assert appended.messages[0].seq == 51
    assert appended.message_count == 1


async def test_a_session_may_grow_long_and_be_cleared_again_and_again(store: SessionStore, session: Session) -> None:
    for _ in range(3):
        await fill(store, session, 60, persona=LONG)
        await store.clear(session.user_id, session.id)
    last = await fill(store, session, 60, persona=LONG)

    assert await all_messages(store, session) == last
    assert [message.seq for message in last] == list(range(181, 241))
