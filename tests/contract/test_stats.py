"""stats: the counts of a session."""

from datetime import timedelta

import pytest

from shared.errors import SessionNotFoundError
from shared.models import Session, utc_now
from shared.store.port import SessionStore
from tests.builders import a_message, fill, messages

NONE = {"user": 0, "assistant": 0, "system": 0, "developer": 0, "tool": 0}


async def test_a_session_that_never_was_has_no_stats(store: SessionStore, owner: str) -> None:
    with pytest.raises(SessionNotFoundError):
        await store.stats(owner, "nothing-here")


async def test_an_empty_session_counts_nothing(store: SessionStore, session: Session) -> None:
    stats = await store.stats(session.user_id, session.id)

    assert stats.message_count == 0
    assert stats.by_role == NONE
    assert stats.first_message_at is None
    assert stats.last_message_at is None
    assert stats.duration_seconds == 0


async def test_messages_are_counted_by_role(store: SessionStore, session: Session) -> None:
    for role in ("user", "assistant", "user", "tool", "system", "developer", "user"):
        await store.append(session.user_id, session.id, [a_message(role=role)])

    stats = await store.stats(session.user_id, session.id)

    assert stats.message_count == 7
    assert stats.by_role == {"user": 3, "assistant": 1, "system": 1, "developer": 1, "tool": 1}


async def test_the_duration_runs_from_the_first_message_to_the_last(store: SessionStore, session: Session) -> None:
    now = utc_now()
    for seconds in (0, 10, 90):
        await store.append(session.user_id, session.id, [a_message(created_at=now + timedelta(seconds=seconds))])

    stats = await store.stats(session.user_id, session.id)

    assert stats.first_message_at == now
    assert stats.last_message_at == now + timedelta(seconds=90)
    assert stats.duration_seconds == 90


async def test_every_message_of_a_long_session_is_counted(store: SessionStore, session: Session) -> None:
    long = "a rather long description of the one who speaks here " * 4
    first = await fill(store, session, 80, role="assistant", persona=long)
    await fill(store, session, 70, role="user", persona=long)

    stats = await store.stats(session.user_id, session.id)

    assert stats.message_count == 150
    assert stats.by_role == {**NONE, "assistant": 80, "user": 70}
    assert stats.first_message_at == first[0].created_at


async def test_a_repeat_is_counted_once(store: SessionStore, session: Session) -> None:
    sent = messages(3)
    await store.append(session.user_id, session.id, sent)
    await store.append(session.user_id, session.id, sent)

    assert (await store.stats(session.user_id, session.id)).by_role == {**NONE, "user": 3}


async def test_a_new_session_is_active(store: SessionStore, session: Session) -> None:
    assert (await store.stats(session.user_id, session.id)).is_active


async def test_cleared_messages_are_not_counted(store: SessionStore, session: Session) -> None:
    await fill(store, session, 60)
    await store.clear(session.user_id, session.id)
    kept = await fill(store, session, 2, role="tool")

    stats = await store.stats(session.user_id, session.id)

    assert stats.by_role == {**NONE, "tool": 2}
    assert stats.first_message_at == kept[0].created_at
