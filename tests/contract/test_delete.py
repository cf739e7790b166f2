"""delete: the session and every message of it, for good."""

import pytest

from shared.errors import PreconditionFailedError, SessionNotFoundError
from shared.models import MessageQuery, Session, SessionChanges
from shared.store.port import SessionStore
from tests.builders import a_message, a_session, all_messages, fill, messages


async def test_a_session_that_never_was_cannot_be_deleted(store: SessionStore, owner: str) -> None:
    with pytest.raises(SessionNotFoundError):
        await store.delete(owner, "nothing-here")


async def test_deleting_again_finds_nothing(store: SessionStore, session: Session) -> None:
    await store.delete(session.user_id, session.id)

    with pytest.raises(SessionNotFoundError):
        await store.delete(session.user_id, session.id)


@pytest.mark.parametrize("verb", ["get", "read", "read_messages", "stats", "clear", "append", "update"])
async def test_no_verb_finds_a_deleted_session(store: SessionStore, session: Session, verb: str) -> None:
    arguments = {
        "read": (10,),
        "read_messages": (MessageQuery(limit=10),),
        "append": ([a_message()],),
        "update": (SessionChanges(session_name="x"),),
    }
    await fill(store, session, 40)
    await store.delete(session.user_id, session.id)

    with pytest.raises(SessionNotFoundError):
        await getattr(store, verb)(session.user_id, session.id, *arguments.get(verb, ()))


async def test_the_messages_of_a_long_session_do_not_come_back(store: SessionStore, session: Session) -> None:
    await fill(store, session, 100, persona="a rather long description of the one who speaks here " * 4)
    await store.delete(session.user_id, session.id)

    again = await store.create(a_session(session.user_id, id=session.id))

    assert await all_messages(store, again) == []


async def test_other_sessions_of_the_owner_stay(store: SessionStore, owner: str) -> None:
    gone = await store.create(a_session(owner, id="shared-prefix"), messages(2))
    kept = await store.create(a_session(owner, id="shared-prefix.2"), messages(2))

    await store.delete(owner, gone.id)

    assert await store.get(owner, kept.id) == kept
    assert len(await all_messages(store, kept)) == 2


async def test_the_etag_of_now_lets_a_deletion_pass(store: SessionStore, session: Session) -> None:
    await store.delete(session.user_id, session.id, session.etag)

    with pytest.raises(SessionNotFoundError):
        await store.get(session.user_id, session.id)


async def test_an_etag_of_before_another_change_refuses_the_deletion(store: SessionStore, session: Session) -> None:
    await fill(store, session, 40)

    with pytest.raises(PreconditionFailedError):
        await store.delete(session.user_id, session.id, session.etag)

    assert len(await all_messages(store, session)) == 40
