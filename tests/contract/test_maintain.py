"""maintain: what has expired and what crashes left goes for good, a bounded number of sessions at a time."""

from shared.models import Session
from shared.store.port import SessionStore
from tests.builders import all_messages, fill

LIMIT = 100


async def maintain(store: SessionStore) -> None:
    """Finish what earlier tests, or earlier runs, have left."""
    while await store.maintain(LIMIT):
        pass


async def test_where_nothing_is_left_over_nothing_is_done(store: SessionStore, session: Session) -> None:
    await fill(store, session, 3)
    await maintain(store)

    assert await store.maintain(LIMIT) == 0


async def test_living_sessions_are_left_as_they_are(store: SessionStore, session: Session) -> None:
    long = "a rather long description of the one who speaks here " * 4
    stored = await fill(store, session, 90, persona=long)
    await store.rewind(session.user_id, session.id, 70)
    before = await store.get(session.user_id, session.id)

    await maintain(store)

    assert await store.get(session.user_id, session.id) == before
    assert await all_messages(store, session) == stored[:70]


async def test_deletions_clears_and_rewinds_that_came_to_their_end_leave_nothing_to_do(
    store: SessionStore, session: Session
) -> None:
    await maintain(store)
    long = "a rather long description of the one who speaks here " * 4
    await fill(store, session, 90, persona=long)
    await store.rewind(session.user_id, session.id, 30)
    await store.clear(session.user_id, session.id)
    await store.delete(session.user_id, session.id)

    assert await store.maintain(LIMIT) == 0
