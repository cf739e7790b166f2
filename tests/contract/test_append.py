"""append: messages in order, all or none, and a repeat is harmless."""

from typing import Any

import pytest

from shared.errors import MessageConflictError, SessionNotFoundError
from shared.models import Session
from shared.store.port import SessionStore
from tests.builders import a_message, a_session, again, all_messages, fill, messages

LONG = "a rather long description of the one who speaks here " * 4


async def test_a_session_that_never_was_takes_no_messages(store: SessionStore, owner: str) -> None:
    with pytest.raises(SessionNotFoundError):
        await store.append(owner, "nothing-here", [a_message()])


async def test_the_first_message_has_seq_one(store: SessionStore, session: Session) -> None:
    appended = await store.append(session.user_id, session.id, [a_message("first")])

    assert appended.created
    assert [(message.seq, message.content) for message in appended.messages] == [(1, "first")]
    assert appended.message_count == 1


async def test_what_append_returns_is_what_is_stored(store: SessionStore, session: Session) -> None:
    appended = await store.append(session.user_id, session.id, messages(3, metadata={"a": [1]}, name="n"))

    assert await all_messages(store, session) == appended.messages


@pytest.mark.parametrize("count", [2, 6, 7, 20])
async def test_a_batch_is_numbered_in_the_order_given(store: SessionStore, session: Session, count: int) -> None:
    await store.append(session.user_id, session.id, [a_message("before")])

    appended = await store.append(session.user_id, session.id, messages(count))

    assert [message.seq for message in appended.messages] == list(range(2, count + 2))
    assert [message.content for message in appended.messages] == [f"message {n}" for n in range(1, count + 1)]
    assert appended.message_count == count + 1


async def test_batches_of_all_sizes_follow_one_another_without_gaps(store: SessionStore, session: Session) -> None:
    for count in (1, 20, 1, 7, 6, 20, 2, 8):
        await store.append(session.user_id, session.id, messages(count))

    assert [message.seq for message in await all_messages(store, session)] == list(range(1, 66))


async def test_many_single_messages_are_all_kept_in_order(store: SessionStore, session: Session) -> None:
    for number in range(1, 151):
        await store.append(session.user_id, session.id, [a_message(f"{number} {LONG}")])

    stored = await all_messages(store, session)
    assert [message.seq for message in stored] == list(range(1, 151))
    assert [message.content for message in stored] == [f"{number} {LONG}" for number in range(1, 151)]


async def test_an_append_is_the_sessions_last_activity(store: SessionStore, session: Session) -> None:
    message = a_message()

    await store.append(session.user_id, session.id, [message])

    after = await store.get(session.user_id, session.id)
    assert after.last_activity_at == message.created_at
    assert after.last_message_at == message.created_at
    assert after.updated_at == message.created_at


@pytest.mark.parametrize("count", [1, 20])
async def test_an_append_moves_the_etag(store: SessionStore, session: Session, count: int) -> None:
    await store.append(session.user_id, session.id, messages(count))

    assert (await store.get(session.user_id, session.id)).etag != session.etag


async def test_an_append_changes_nothing_else_of_the_session(store: SessionStore, owner: str) -> None:
    session = await store.create(a_session(owner, session_name="n", context={"a": 1}, tags=["t"], pinned=True))

    await store.append(owner, session.id, messages(2))

    moved = {"message_count", "updated_at", "last_activity_at", "last_message_at", "expires_at", "etag"}
    after = await store.get(owner, session.id)
    assert after.model_dump(exclude=moved) == session.model_dump(exclude=moved)


@pytest.mark.parametrize("content", ["", [], [{"type": "text", "text": ""}], " ", "\u0000", "'; DROP TABLE x --"])
async def test_any_content_is_kept_exactly(store: SessionStore, session: Session, content: Any) -> None:
    await store.append(session.user_id, session.id, [a_message(content)])

    assert (await all_messages(store, session))[0].content == content


@pytest.mark.parametrize("message_id", ["a", "A", "a:b.c_d-e", "0", "select", "where", "x" * 64])
async def test_a_message_of_any_id_is_recognised(store: SessionStore, session: Session, message_id: str) -> None:
    message = a_message(id=message_id)
    await store.append(session.user_id, session.id, [message])

    assert not (await store.append(session.user_id, session.id, again([message]))).created


async def test_ids_that_resemble_one_another_are_told_apart(store: SessionStore, session: Session) -> None:
    for message_id in ("ab", "a", "AB", "Ab", "b", "abc", "ab:", "a.b", "a-b", "a_b"):
        appended = await store.append(session.user_id, session.id, [a_message(id=message_id)])
        assert appended.created

    assert len(await all_messages(store, session)) == 10


@pytest.mark.parametrize("count", [1, 6, 7, 20])
async def test_a_full_repeat_returns_what_is_stored(store: SessionStore, session: Session, count: int) -> None:
    sent = messages(count)
    first = await store.append(session.user_id, session.id, sent)

    repeat = await store.append(session.user_id, session.id, again(sent))

    assert repeat.messages == first.messages
    assert repeat.message_count == count
    assert not repeat.created


@pytest.mark.parametrize("count", [1, 20])
async def test_a_full_repeat_writes_nothing(store: SessionStore, session: Session, count: int) -> None:
    sent = messages(count)
    await store.append(session.user_id, session.id, sent)
    before = await store.get(session.user_id, session.id)

    await store.append(session.user_id, session.id, again(sent))

    assert await store.get(session.user_id, session.id) == before


async def test_a_repeat_after_other_messages_counts_them_all(store: SessionStore, session: Session) -> None:
    sent = messages(2)
    await store.append(session.user_id, session.id, sent)
    await store.append(session.user_id, session.id, messages(3))

    repeat = await store.append(session.user_id, session.id, again(sent))

    assert [message.seq for message in repeat.messages] == [1, 2]
    assert repeat.message_count == 5


async def test_one_message_of_a_batch_may_be_repeated_alone(store: SessionStore, session: Session) -> None:
    sent = messages(8)
    await store.append(session.user_id, session.id, sent)

    repeat = await store.append(session.user_id, session.id, again([sent[4]]))

    assert not repeat.created
    assert [message.seq for message in repeat.messages] == [5]


async def test_two_appends_may_be_repeated_as_one(store: SessionStore, session: Session) -> None:
    sent = messages(2)
    await store.append(session.user_id, session.id, sent[:1])
    await store.append(session.user_id, session.id, sent[1:])

    repeat = await store.append(session.user_id, session.id, again(sent))

    assert not repeat.created
    assert [message.seq for message in repeat.messages] == [1, 2]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("role", "assistant"),
        ("content", "something else"),
        ("content", [{"type": "text", "text": "Hello"}]),
        ("name", "somebody else"),
        ("function_calls", ["another"]),
        ("tool_call_id", "another"),
    ],
)
async def test_a_repeat_that_says_something_else_is_a_conflict(
    store: SessionStore, session: Session, field: str, value: Any
) -> None:
    message = a_message()
    await store.append(session.user_id, session.id, [message])

    with pytest.raises(MessageConflictError) as caught:
        await store.append(session.user_id, session.id, again([message], **{field: value}))

    assert caught.value.ids == [message.id]


@pytest.mark.parametrize(("stored", "sent"), [(1, True), (True, 1), (0, False), ({"a": [0]}, {"a": [False]})])
async def test_a_number_and_a_truth_are_not_the_same(
    store: SessionStore, session: Session, stored: object, sent: object
) -> None:
    message = a_message(function_calls=[{"value": stored}])
    await store.append(session.user_id, session.id, [message])

    with pytest.raises(MessageConflictError):
        await store.append(session.user_id, session.id, again([message], function_calls=[{"value": sent}]))


async def test_a_number_may_be_written_in_another_way_and_names_in_another_order(
    store: SessionStore, session: Session
) -> None:
    message = a_message(function_calls=[{"a": 1, "b": 2}])
    await store.append(session.user_id, session.id, [message])

    repeat = await store.append(session.user_id, session.id, again([message], function_calls=[{"b": 2.0, "a": 1.0}]))

    assert not repeat.created


@pytest.mark.parametrize(
    ("field", "value"),
    [("metadata", {"a": 1}), ("persona", "other"), ("audio_files", ["a.wav"]), ("transcription_confidence", 0.5)],
)
async def test_a_repeat_may_differ_in_what_says_nothing(
    store: SessionStore, session: Session, field: str, value: Any
) -> None:
    message = a_message()
    first = await store.append(session.user_id, session.id, [message])

    repeat = await store.append(session.user_id, session.id, again([message], **{field: value}))

    assert not repeat.created
    assert repeat.messages == first.messages


async def test_a_repeat_does_not_move_the_time_of_a_message(store: SessionStore, session: Session) -> None:
    message = a_message()
    first = await store.append(session.user_id, session.id, [message])

    repeat = await store.append(session.user_id, session.id, again([message]))

    assert repeat.messages[0].created_at == first.messages[0].created_at


@pytest.mark.parametrize("fresh", [1, 6, 12])
async def test_a_partial_repeat_names_what_is_stored_already(store: SessionStore, session: Session, fresh: int) -> None:
    stored = messages(3)
    await store.append(session.user_id, session.id, stored)

    with pytest.raises(MessageConflictError) as caught:
        await store.append(session.user_id, session.id, again([stored[2], *messages(fresh), stored[0]]))

    assert caught.value.ids == [stored[2].id, stored[0].id]


async def test_where_some_differ_only_those_are_named(store: SessionStore, session: Session) -> None:
    stored = messages(3)
    await store.append(session.user_id, session.id, stored)
    changed = again([stored[1]], content="something else")[0]

    with pytest.raises(MessageConflictError) as caught:
        await store.append(session.user_id, session.id, [*again([stored[0]]), changed, a_message()])

    assert caught.value.ids == [changed.id]


@pytest.mark.parametrize("fresh", [1, 12])
async def test_a_conflict_stores_none_of_its_batch(store: SessionStore, session: Session, fresh: int) -> None:
    stored = a_message("stored")
    await store.append(session.user_id, session.id, [stored])
    before = await store.get(session.user_id, session.id)

    with pytest.raises(MessageConflictError):
        await store.append(session.user_id, session.id, again([*messages(fresh), stored]))

    assert await store.get(session.user_id, session.id) == before
    assert [message.content for message in await all_messages(store, session)] == ["stored"]


@pytest.mark.parametrize("content", ["short", LONG * 10])
async def test_an_id_is_recognised_behind_ninety_nine_newer_messages(
    store: SessionStore, session: Session, content: str
) -> None:
    oldest = a_message("oldest")
    await store.append(session.user_id, session.id, [oldest])
    for _ in range(99):
        await store.append(session.user_id, session.id, [a_message(content)])

    repeat = await store.append(session.user_id, session.id, again([oldest]))

    assert not repeat.created
    assert [message.seq for message in repeat.messages] == [1]


async def test_an_old_batch_is_recognised_behind_full_batches(store: SessionStore, session: Session) -> None:
    oldest = messages(20, persona=LONG)
    await store.append(session.user_id, session.id, oldest)
    await fill(store, session, 80, persona=LONG)

    repeat = await store.append(session.user_id, session.id, again(oldest))

    assert [message.seq for message in repeat.messages] == list(range(1, 21))
    assert repeat.message_count == 100


async def test_a_batch_at_the_edge_of_what_is_remembered_is_no_conflict(store: SessionStore, session: Session) -> None:
    oldest = messages(20)
    await store.append(session.user_id, session.id, oldest)

    for _ in range(18):  # on the way its first messages are forgotten and the last are not
        for _ in range(7):
            await store.append(session.user_id, session.id, [a_message("x" * 500)])
        repeat = await store.append(session.user_id, session.id, again(oldest))
        if repeat.created:
            break
        assert [message.seq for message in repeat.messages] == list(range(1, 21))


async def test_an_old_id_with_other_content_is_a_conflict_too(store: SessionStore, session: Session) -> None:
    oldest = a_message("oldest")
    await store.append(session.user_id, session.id, [oldest])
    await fill(store, session, 99, persona=LONG)

    with pytest.raises(MessageConflictError):
        await store.append(session.user_id, session.id, again([oldest], content="other"))


async def test_a_message_id_belongs_to_its_session(store: SessionStore, owner: str) -> None:
    message = a_message()
    first = await store.create(a_session(owner))
    second = await store.create(a_session(owner))
    await store.append(owner, first.id, [message])

    appended = await store.append(owner, second.id, [message])

    assert appended.created
    assert appended.messages[0].seq == 1
