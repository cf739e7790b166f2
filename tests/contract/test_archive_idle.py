"""archive_idle: an idle session is archived as by hand, unless anything happened to it since it was seen."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from shared.errors import SessionArchivedError, SessionNotFoundError
from shared.models import KEEP, MAX_TTL_SECONDS, Session, SessionChanges, utc_now
from shared.store.port import SessionStore
from tests.builders import a_message, a_session, again, all_messages, fill, listed, messages
from tests.contract.eras import Era

LONG = "a rather long description of the one who speaks here " * 4
COUNTS = [0, 1, 30, 90]


@pytest.fixture
def era(store: SessionStore) -> Era:
    """Live long ago."""
    return Era(store)


async def quiet(era: Era, count: int = 0, **fields: object) -> Session:
    """Return a session that has been idle since long ago, with messages of then."""
    session = await era.session(1, **fields)
    await fill(era.store, session, count, persona=LONG, created_at=era.at(2))
    return await era.store.get(session.user_id, session.id)


async def change(store: SessionStore, session: Session, **changes: object) -> Session:
    return await store.update(session.user_id, session.id, SessionChanges.model_validate(changes))


@pytest.mark.parametrize("count", COUNTS)
async def test_an_idle_session_is_archived(era: Era, count: int) -> None:
    session = await quiet(era, count)
    before = utc_now()

    assert await era.store.archive_idle(await era.seen(session))

    archived = await era.store.get(session.user_id, session.id)
    assert (archived.status, archived.archived_at) == ("archived", archived.updated_at)
    assert archived.archived_at
    assert archived.archived_at >= before


@pytest.mark.parametrize("count", COUNTS)
async def test_it_changes_what_archiving_by_hand_changes(era: Era, count: int) -> None:
    session = await quiet(era, count)

    await era.store.archive_idle(await era.seen(session))

    archived = await era.store.get(session.user_id, session.id)
    moved = {"status", "is_active", "archived_at", "updated_at", "expires_at", "etag"}
    assert archived.model_dump(exclude=moved) == session.model_dump(exclude=moved)
    assert archived.etag != session.etag


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("ttl_seconds", [3600, MAX_TTL_SECONDS, KEEP])
async def test_it_lives_as_long_as_if_archived_by_hand(era: Era, count: int, ttl_seconds: int) -> None:
    by_sweep, by_hand = [await quiet(era, count, ttl_seconds=ttl_seconds) for _ in range(2)]

    await era.store.archive_idle(await era.seen(by_sweep))

    archived = await era.store.get(by_sweep.user_id, by_sweep.id)
    expected = await change(era.store, by_hand, is_active=False)
    assert (archived.expires_at is None) == (expected.expires_at is None)
    if archived.expires_at and expected.expires_at:
        assert abs((archived.expires_at - expected.expires_at).total_seconds()) < 5


@pytest.mark.parametrize("count", COUNTS)
async def test_its_messages_stay_and_it_goes_on_when_restored(era: Era, count: int) -> None:
    session = await quiet(era, count)
    await era.store.archive_idle(await era.seen(session))
    assert len(await all_messages(era.store, session)) == count

    await change(era.store, session, is_active=True)

    appended = await era.store.append(session.user_id, session.id, messages(3))
    assert [message.seq for message in appended.messages] == [count + 1, count + 2, count + 3]


async def test_it_is_listed_as_archived(era: Era) -> None:
    session = await quiet(era, 3)
    await era.store.archive_idle(await era.seen(session))

    assert await listed(era.store, session.user_id) == []
    (found,) = await listed(era.store, session.user_id, status="archived")
    assert found.last_message_at == session.last_message_at


async def test_it_is_not_idle_any_more(era: Era) -> None:
    session = await quiet(era)
    await era.store.archive_idle(await era.seen(session))

    assert await era.idle(10) == []


Deed = Callable[[SessionStore, Session], Awaitable[object]]


async def restored(store: SessionStore, session: Session) -> None:
    await change(store, session, is_active=False)
    await change(store, session, is_active=True)


async def recreated(store: SessionStore, session: Session) -> None:
    await store.delete(session.user_id, session.id)
    await store.create(a_session(session.user_id, id=session.id))


MEANWHILE: dict[str, Deed] = {
    "a message": lambda store, session: store.append(session.user_id, session.id, [a_message()]),
    "many messages": lambda store, session: store.append(session.user_id, session.id, messages(20)),
    "a pin": lambda store, session: change(store, session, pinned=True),
    "a new name": lambda store, session: change(store, session, session_name="n"),
    "a new ttl": lambda store, session: change(store, session, ttl_seconds=KEEP),
    "a clear": lambda store, session: store.clear(session.user_id, session.id),
    "an archiving by hand": lambda store, session: change(store, session, is_active=False),
    "an archiving and a restoring": restored,
    "a deletion and a creation": recreated,
}


@pytest.mark.parametrize("count", [0, 90])
@pytest.mark.parametrize("deed", MEANWHILE)
async def test_whatever_happened_meanwhile_keeps_a_session_as_it_is(era: Era, deed: str, count: int) -> None:
    session = await quiet(era, count)
    seen = await era.seen(session)
    await MEANWHILE[deed](era.store, session)
    before = await era.store.get(session.user_id, session.id)

    assert not await era.store.archive_idle(seen)
    assert await era.store.get(session.user_id, session.id) == before


async def test_a_rewind_meanwhile_keeps_a_session_active(era: Era) -> None:
    session = await quiet(era, 90)
    seen = await era.seen(session)
    await era.store.rewind(session.user_id, session.id, 20)

    assert not await era.store.archive_idle(seen)
    assert (await era.store.get(session.user_id, session.id)).is_active


@pytest.mark.parametrize("count", COUNTS)
async def test_a_repeated_message_is_no_activity(era: Era, count: int) -> None:
    session = await quiet(era, count)
    message = a_message(created_at=era.at(2))
    await era.store.append(session.user_id, session.id, [message])
    seen = await era.seen(session)
    await era.store.append(session.user_id, session.id, again([message]))

    assert await era.store.archive_idle(seen)


@pytest.mark.parametrize("count", [0, 90])
async def test_a_deleted_session_is_not_archived(era: Era, count: int) -> None:
    session = await quiet(era, count)
    seen = await era.seen(session)
    await era.store.delete(session.user_id, session.id)

    assert not await era.store.archive_idle(seen)
    with pytest.raises(SessionNotFoundError):
        await era.store.get(session.user_id, session.id)


@pytest.mark.parametrize("count", COUNTS)
async def test_a_second_time_it_does_nothing(era: Era, count: int) -> None:
    session = await quiet(era, count)
    seen = await era.seen(session)
    await era.store.archive_idle(seen)
    archived = await era.store.get(session.user_id, session.id)

    assert not await era.store.archive_idle(seen)
    assert await era.store.get(session.user_id, session.id) == archived


@pytest.mark.parametrize("count", COUNTS)
async def test_of_sweeps_at_once_one_archives_it(era: Era, count: int) -> None:
    session = await quiet(era, count)
    seen = await era.seen(session)

    answers = await asyncio.gather(*(era.store.archive_idle(seen) for _ in range(8)))

    assert answers.count(True) == 1
    assert not (await era.store.get(session.user_id, session.id)).is_active


@pytest.mark.parametrize("count", [0, 30, 90])
async def test_of_a_message_and_a_sweep_at_once_one_wins(era: Era, count: int) -> None:
    for _ in range(5):
        session = await quiet(era, count)
        seen = await era.seen(session)

        archived, appended = await asyncio.gather(
            era.store.archive_idle(seen),
            era.store.append(session.user_id, session.id, [a_message()]),
            return_exceptions=True,
        )

        after = await era.store.get(session.user_id, session.id)
        assert isinstance(appended, SessionArchivedError) == archived == (not after.is_active)
        assert after.message_count == count + (not archived)
