"""get_message and edit_message: one message, wherever in its session it is kept."""

import asyncio

import pytest

from shared.errors import MessageNotFoundError, SessionNotFoundError
from shared.models import Feedback, Message, MessageChanges, Session, SessionChanges
from shared.store.port import SessionStore
from tests.builders import a_message, a_session, again, all_messages, an_owner, fill, messages

LONG = "a rather long description of the one who speaks here " * 4
PLACES = {"newest": -1, "in the generation before": -14, "in a page": 40, "oldest": 0}
anywhere = pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())


async def grown(store: SessionStore, session: Session) -> list[Message]:
    """Fill a session with more than one document of a store holds."""
    return await fill(store, session, 120, persona=LONG)


def rated(rating: str, comment: str | None = None) -> MessageChanges:
    return MessageChanges(feedback=Feedback(rating=rating, comment=comment))


@anywhere
async def test_a_message_is_found_by_its_id(store: SessionStore, session: Session, place: int) -> None:
    stored = await grown(store, session)

    assert await store.get_message(session.user_id, session.id, stored[place].id) == stored[place]


@anywhere
async def test_an_edit_changes_that_message_alone(store: SessionStore, session: Session, place: int) -> None:
    stored = await grown(store, session)
    changes = MessageChanges(metadata={"model": "small"}, feedback=Feedback(rating="up", comment="Ja!"))

    changed = await store.edit_message(session.user_id, session.id, stored[place].id, changes.apply)

    stored[place] = stored[place].model_copy(
        update={"metadata": {"model": "small"}, "feedback": {"rating": "up", "comment": "Ja!"}}
    )
    assert changed.message == stored[place]
    assert changed.etag == (await store.get(session.user_id, session.id)).etag
    assert await all_messages(store, session) == stored


@anywhere
async def test_an_edit_moves_the_etag_and_not_the_activity(store: SessionStore, session: Session, place: int) -> None:
    stored = await grown(store, session)
    before = await store.get(session.user_id, session.id)

    await store.edit_message(session.user_id, session.id, stored[place].id, rated("up").apply)

    after = await store.get(session.user_id, session.id)
    assert after.etag != before.etag
    assert after.updated_at > before.updated_at
    assert (after.last_activity_at, after.message_count) == (before.last_activity_at, before.message_count)


@anywhere
async def test_a_redacted_message_keeps_its_place_and_says_nothing(
    store: SessionStore, session: Session, place: int
) -> None:
    stored = await grown(store, session)
    await store.edit_message(session.user_id, session.id, stored[place].id, rated("up", "private").apply)

    await store.edit_message(session.user_id, session.id, stored[place].id, Message.redacted)

    found = await store.get_message(session.user_id, session.id, stored[place].id)
    assert (found.seq, found.role, found.created_at) == (stored[place].seq, "user", stored[place].created_at)
    assert (found.content, found.persona, found.feedback, found.metadata) == ("", None, None, {"redacted": True})


async def test_a_session_goes_on_after_edits(store: SessionStore, session: Session) -> None:
    stored = await grown(store, session)
    for message in stored[::9]:
        await store.edit_message(session.user_id, session.id, message.id, rated("down").apply)

    await store.append(session.user_id, session.id, messages(20))

    found = await all_messages(store, session)
    assert [message.seq for message in found] == list(range(1, 141))
    assert [message.id for message in found if message.feedback] == [message.id for message in stored[::9]]


async def test_edits_at_once_are_all_kept(store: SessionStore, session: Session) -> None:
    stored = await fill(store, session, 8)

    await asyncio.gather(
        *(store.edit_message(session.user_id, session.id, message.id, rated("up").apply) for message in stored[:4]),
        *(store.append(session.user_id, session.id, [a_message("beside")]) for _ in range(4)),
    )

    found = await all_messages(store, session)
    assert len(found) == 12
    assert [bool(message.feedback) for message in found[:8]] == [True] * 4 + [False] * 4


async def test_an_edit_outlives_a_rewind_to_behind_it(store: SessionStore, session: Session) -> None:
    stored = await grown(store, session)
    await store.edit_message(session.user_id, session.id, stored[10].id, rated("up").apply)

    await store.rewind(session.user_id, session.id, 20)

    assert (await store.get_message(session.user_id, session.id, stored[10].id)).feedback == {"rating": "up"}


async def test_archived_sessions_take_edits(store: SessionStore, session: Session) -> None:
    stored = await grown(store, session)
    await store.update(session.user_id, session.id, SessionChanges(is_active=False))

    for place in PLACES.values():
        await store.edit_message(session.user_id, session.id, stored[place].id, Message.redacted)

    assert (await store.get_message(session.user_id, session.id, stored[0].id)).is_redacted


async def test_an_edited_message_is_still_recognised_when_it_is_sent_again(
    store: SessionStore, session: Session
) -> None:
    sent = messages(1)
    await store.append(session.user_id, session.id, sent)
    await store.edit_message(session.user_id, session.id, sent[0].id, rated("up").apply)

    assert not (await store.append(session.user_id, session.id, again(sent))).created


@pytest.mark.parametrize("count", [0, 3, 120])
async def test_an_unknown_message_is_not_found(store: SessionStore, session: Session, count: int) -> None:
    await fill(store, session, count, persona=LONG)

    with pytest.raises(MessageNotFoundError):
        await store.get_message(session.user_id, session.id, "nobody")
    with pytest.raises(MessageNotFoundError):
        await store.edit_message(session.user_id, session.id, "nobody", Message.redacted)


async def test_messages_that_were_cleared_or_rewound_are_not_found(store: SessionStore, session: Session) -> None:
    stored = await grown(store, session)
    await store.rewind(session.user_id, session.id, 50)

    for message in (stored[60], stored[-1]):
        with pytest.raises(MessageNotFoundError):
            await store.get_message(session.user_id, session.id, message.id)
    await store.clear(session.user_id, session.id)
    with pytest.raises(MessageNotFoundError):
        await store.edit_message(session.user_id, session.id, stored[0].id, Message.redacted)


async def test_messages_of_others_are_neither_found_nor_changed(store: SessionStore, session: Session) -> None:
    stored = await grown(store, session)
    stranger = an_owner()
    await store.create(a_session(stranger, id=session.id))

    for message in (stored[-1], stored[0]):
        with pytest.raises(MessageNotFoundError):
            await store.edit_message(stranger, session.id, message.id, Message.redacted)
        with pytest.raises(SessionNotFoundError):
            await store.edit_message(an_owner(), session.id, message.id, Message.redacted)
    assert await all_messages(store, session) == stored
