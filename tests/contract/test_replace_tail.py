"""replace_tail: what follows a seq becomes exactly what is sent, in one step."""

import pytest

from shared.errors import MessageConflictError, PreconditionFailedError, SessionArchivedError, SessionNotFoundError
from shared.models import Feedback, MessageChanges, Session, SessionChanges
from shared.settings import MAX_CONTENT_BYTES
from shared.store.port import SessionStore
from tests.builders import a_message, again, all_messages, fill, messages


async def test_a_session_that_never_was_has_no_end_to_replace(store: SessionStore, owner: str) -> None:
    with pytest.raises(SessionNotFoundError):
        await store.replace_tail(owner, "nothing-here", 0, messages(1))


@pytest.mark.parametrize("after_seq", [0, 3, 29, 30])
async def test_what_follows_becomes_exactly_what_is_sent(store: SessionStore, session: Session, after_seq: int) -> None:
    stored = await fill(store, session, 30)

    appended = await store.replace_tail(session.user_id, session.id, after_seq, messages(2))

    assert appended.created
    assert [message.seq for message in appended.messages] == [after_seq + 1, after_seq + 2]
    assert await all_messages(store, session) == [*stored[:after_seq], *appended.messages]
    read = await store.get(session.user_id, session.id)
    assert (read.message_count, read.etag) == (appended.message_count, appended.etag) == (after_seq + 2, read.etag)
    assert read.last_activity_at == read.last_message_at == appended.messages[-1].created_at


async def test_nothing_may_follow(store: SessionStore, session: Session) -> None:
    stored = await fill(store, session, 5)
    before = await store.get(session.user_id, session.id)

    appended = await store.replace_tail(session.user_id, session.id, 3, [])

    assert (appended.created, appended.message_count) == (False, 3)
    assert await all_messages(store, session) == stored[:3]
    after = await store.get(session.user_id, session.id)
    assert (after.last_activity_at, after.last_message_at) == (before.last_activity_at, stored[2].created_at)


async def test_beyond_the_newest_message_it_is_an_append(store: SessionStore, session: Session) -> None:
    stored = await fill(store, session, 2)
    sent = messages(2)

    appended = await store.replace_tail(session.user_id, session.id, 100, sent)
    repeated = await store.replace_tail(session.user_id, session.id, 100, again(sent))

    assert [message.seq for message in appended.messages] == [3, 4]
    assert not repeated.created
    assert await all_messages(store, session) == [*stored, *appended.messages]


async def test_before_the_first_kept_message_everything_is_replaced_under_its_numbers(
    store: SessionStore, session: Session
) -> None:
    await fill(store, session, 4)
    await store.clear(session.user_id, session.id)
    await fill(store, session, 2)

    appended = await store.replace_tail(session.user_id, session.id, 0, messages(3))

    assert [message.seq for message in appended.messages] == [5, 6, 7]
    assert await all_messages(store, session) == appended.messages


async def test_a_repeat_finds_what_is_there_and_writes_nothing(store: SessionStore, session: Session) -> None:
    await fill(store, session, 5)
    sent = messages(3)
    first = await store.replace_tail(session.user_id, session.id, 2, sent)

    second = await store.replace_tail(session.user_id, session.id, 2, again(sent), if_match='"old"')

    assert (second.created, second.etag, second.messages) == (False, first.etag, first.messages)


async def test_a_message_behind_them_is_removed_by_a_repeat(store: SessionStore, session: Session) -> None:
    sent = messages(2)
    await store.replace_tail(session.user_id, session.id, 0, sent)
    await store.append(session.user_id, session.id, [a_message("later")])

    repeated = await store.replace_tail(session.user_id, session.id, 0, again(sent))

    assert repeated.created
    assert [message.content for message in await all_messages(store, session)] == ["message 1", "message 2"]


async def test_a_message_that_grew_is_another_and_has_no_feedback(store: SessionStore, session: Session) -> None:
    sent = messages(2)
    await store.append(session.user_id, session.id, sent)
    rated = MessageChanges(feedback=Feedback(rating="up"))
    await store.edit_message(session.user_id, session.id, sent[1].id, rated.apply)

    await store.replace_tail(session.user_id, session.id, 1, again(sent[1:], content="grown"))

    newest = (await all_messages(store, session))[-1]
    assert (newest.id, newest.seq, newest.content, newest.feedback) == (sent[1].id, 2, "grown", None)


async def test_a_deep_tail_of_sealed_pages_larger_than_a_request_is_replaced(
    store: SessionStore, session: Session
) -> None:
    long = "漢" * (MAX_CONTENT_BYTES // 4)
    stored = await fill(store, session, 30)
    for _ in range(3):
        await store.append(session.user_id, session.id, [a_message(long)])
    await fill(store, session, 30)

    appended = await store.replace_tail(session.user_id, session.id, 29, messages(200))

    assert appended.message_count == 229
    assert await all_messages(store, session) == [*stored[:29], *appended.messages]
    stats = await store.stats(session.user_id, session.id)
    assert (stats.message_count, stats.last_message_at) == (229, appended.messages[-1].created_at)


async def test_an_id_that_is_kept_conflicts(store: SessionStore, session: Session) -> None:
    stored = await fill(store, session, 3)
    twice = a_message("again", id=stored[0].id)

    with pytest.raises(MessageConflictError) as caught:
        await store.replace_tail(session.user_id, session.id, 2, [twice, a_message()])

    assert caught.value.ids == [twice.id]
    assert await all_messages(store, session) == stored


async def test_an_archived_session_keeps_its_end(store: SessionStore, session: Session) -> None:
    sent = messages(3)
    await store.append(session.user_id, session.id, sent)
    await store.update(session.user_id, session.id, SessionChanges(is_active=False))

    with pytest.raises(SessionArchivedError):
        await store.replace_tail(session.user_id, session.id, 2, [])
    assert not (await store.replace_tail(session.user_id, session.id, 0, again(sent))).created


async def test_an_etag_that_is_no_longer_the_sessions_keeps_its_end(store: SessionStore, session: Session) -> None:
    appended = await store.append(session.user_id, session.id, messages(2))
    with pytest.raises(PreconditionFailedError):
        await store.replace_tail(session.user_id, session.id, 0, messages(1), if_match=session.etag)

    replaced = await store.replace_tail(session.user_id, session.id, 0, messages(1), if_match=appended.etag)

    assert replaced.message_count == 1
