"""get: the session without its messages."""

import pytest

from shared.errors import SessionNotFoundError
from shared.models import Session
from shared.store.port import SessionStore
from tests.builders import a_message, messages


async def test_a_session_that_never_was_does_not_exist(store: SessionStore, owner: str) -> None:
    with pytest.raises(SessionNotFoundError):
        await store.get(owner, "nothing-here")


async def test_a_deleted_session_does_not_exist(store: SessionStore, session: Session) -> None:
    await store.delete(session.user_id, session.id)

    with pytest.raises(SessionNotFoundError):
        await store.get(session.user_id, session.id)


async def test_a_session_counts_its_messages(store: SessionStore, session: Session) -> None:
    await store.append(session.user_id, session.id, messages(2))
    await store.append(session.user_id, session.id, messages(3))

    assert (await store.get(session.user_id, session.id)).message_count == 5


async def test_a_session_knows_its_newest_message(store: SessionStore, session: Session) -> None:
    message = a_message("newest")
    await store.append(session.user_id, session.id, [a_message("older"), message])

    assert (await store.get(session.user_id, session.id)).last_message_at == message.created_at


async def test_reading_moves_nothing(store: SessionStore, session: Session) -> None:
    first = await store.get(session.user_id, session.id)
    await store.read(session.user_id, session.id, limit=10)
    await store.stats(session.user_id, session.id)

    assert await store.get(session.user_id, session.id) == first
