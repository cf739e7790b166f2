"""walk_sessions: all of an owner's sessions, in an order that use does not change."""

from shared.models import Session, SessionChanges
from shared.store.port import SessionStore
from tests.builders import a_message, a_session, an_owner

IDS = ("10", "9", "A", "a", "a-b", "a.b", "a_b", "ab")


async def walked(store: SessionStore, owner: str, limit: int = 3) -> list[Session]:
    found: list[Session] = []
    while page := await store.walk_sessions(owner, limit, found[-1].id if found else ""):
        assert len(page) <= limit
        found += page
    return found


async def test_every_session_comes_once_in_the_order_of_ids(store: SessionStore, owner: str) -> None:
    for session_id in reversed(IDS):
        await store.create(a_session(owner, id=session_id))

    assert [session.id for session in await walked(store, owner)] == list(IDS)


async def test_archived_sessions_come_too_and_deleted_ones_do_not(store: SessionStore, owner: str) -> None:
    for session_id in IDS:
        await store.create(a_session(owner, id=session_id))
    await store.update(owner, "A", SessionChanges(is_active=False))
    await store.delete(owner, "a")

    assert [session.id for session in await walked(store, owner)] == [name for name in IDS if name != "a"]


async def test_use_between_two_pages_hides_nothing(store: SessionStore, owner: str) -> None:
    for session_id in IDS:
        await store.create(a_session(owner, id=session_id))
    first = await store.walk_sessions(owner, 4)

    await store.append(owner, IDS[0], [a_message()])
    await store.append(owner, IDS[-1], [a_message()])

    rest = await store.walk_sessions(owner, 100, first[-1].id)
    assert [session.id for session in first + rest] == list(IDS)


async def test_a_walked_session_is_the_session_itself(store: SessionStore, owner: str) -> None:
    created = await store.create(a_session(owner, session_name="n", tags=["x"]), [a_message()])

    assert await walked(store, owner) == [await store.get(owner, created.id)]


async def test_nobody_walks_through_what_others_have(store: SessionStore, session: Session) -> None:
    assert await walked(store, an_owner()) == []
    assert [found.id for found in await walked(store, session.user_id)] == [session.id]
