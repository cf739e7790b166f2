"""update with `is_active` true: an archived session is active again, and that is an activity; with more changes too."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import PreconditionFailedError, SessionArchivedError, SessionNotFoundError
from shared.models import KEEP, Session, SessionChanges, utc_now
from shared.store.port import SessionStore
from tests.builders import HOUR, a_message, a_session, all_messages, fill, listed, messages

NEARLY = timedelta(seconds=5)  # a store may count by a clock of its own, in whole seconds
STALE = '"an-etag-of-long-ago"'
LONG = "a rather long description of the one who speaks here " * 4
ARCHIVE_TTL_SECONDS = 31_536_000  # what both stores are opened with
EVERYTHING: dict[str, Any] = {
    "session_name": "all \"of\" 'it' 😀",
    "context": {"a": {"b": [1, None]}},
    "tags": ["x", "y"],
    "pinned": False,
    "ttl_seconds": 60,
}


async def update(store: SessionStore, session: Session, if_match: str | None = None, **changes: Any) -> Session:
    return await store.update(session.user_id, session.id, SessionChanges(**changes), if_match)


async def archive(store: SessionStore, session: Session) -> Session:
    return await update(store, session, is_active=False)


async def restore(store: SessionStore, session: Session) -> Session:
    return await update(store, session, is_active=True)


def lives_for(session: Session, seconds: int) -> bool:
    assert session.expires_at
    return abs(session.expires_at - utc_now() - timedelta(seconds=seconds)) < NEARLY


async def test_a_session_that_never_was_cannot_be_restored(store: SessionStore, owner: str) -> None:
    with pytest.raises(SessionNotFoundError):
        await store.update(owner, "nothing-here", SessionChanges(is_active=True))


async def test_a_restored_session_is_active_again(store: SessionStore, session: Session) -> None:
    await archive(store, session)

    restored = await restore(store, session)

    assert (restored.status, restored.is_active, restored.archived_at) == ("active", True, None)
    assert await store.get(session.user_id, session.id) == restored


async def test_restoring_is_an_activity_of_now(store: SessionStore, owner: str) -> None:
    session = await store.create(a_session(owner, created_at=utc_now() - timedelta(days=40)))
    await archive(store, session)
    before = utc_now()

    restored = await restore(store, session)

    assert before <= restored.last_activity_at <= utc_now()
    assert restored.updated_at == restored.last_activity_at


async def test_restoring_an_active_session_writes_nothing(store: SessionStore, session: Session) -> None:
    assert await restore(store, session) == session
    assert await store.get(session.user_id, session.id) == session


async def test_restoring_again_writes_nothing(store: SessionStore, session: Session) -> None:
    await archive(store, session)
    restored = await restore(store, session)

    assert await restore(store, session) == restored
    assert await store.get(session.user_id, session.id) == restored


async def test_restoring_an_active_session_with_another_change_is_no_activity(
    store: SessionStore, session: Session
) -> None:
    changed = await update(store, session, is_active=True, session_name="renamed")

    assert changed.session_name == "renamed"
    assert changed.last_activity_at == session.last_activity_at


async def test_everything_else_of_the_session_stays(store: SessionStore, owner: str) -> None:
    new = a_session(owner, session_name="n", channel="c", context={"a": 1}, tags=["t"])
    session = await store.create(new, messages(3))
    await archive(store, session)

    restored = await restore(store, session)

    moved = {"updated_at", "last_activity_at", "expires_at", "etag"}
    assert restored.model_dump(exclude=moved) == session.model_dump(exclude=moved)


@pytest.mark.parametrize("count", [1, 30, 90])
async def test_the_time_of_the_last_message_stays(store: SessionStore, session: Session, count: int) -> None:
    stored = await fill(store, session, count, persona=LONG)
    await archive(store, session)

    restored = await restore(store, session)

    assert restored.last_message_at == stored[-1].created_at < restored.last_activity_at
    assert await listed(store, session.user_id) == [restored]
    assert (await store.stats(session.user_id, session.id)).last_message_at == stored[-1].created_at


async def test_a_restored_session_without_messages_has_no_last_one(store: SessionStore, session: Session) -> None:
    await archive(store, session)

    restored = await restore(store, session)

    assert restored.last_message_at is None
    assert await listed(store, session.user_id) == [restored]


async def test_a_message_after_restoring_is_the_last_one(store: SessionStore, session: Session) -> None:
    await fill(store, session, 2)
    await archive(store, session)
    await restore(store, session)

    appended = await store.append(session.user_id, session.id, [a_message()])

    after = await store.get(session.user_id, session.id)
    assert after.last_message_at == after.last_activity_at == appended.messages[0].created_at
    assert await listed(store, session.user_id) == [after]


async def test_a_restored_session_leads_the_list(store: SessionStore, owner: str) -> None:
    sessions = [await store.create(a_session(owner)) for _ in range(3)]
    await archive(store, sessions[0])

    await restore(store, sessions[0])

    found = [session.id for session in await listed(store, owner, limit=1)]
    assert found == [sessions[0].id, sessions[2].id, sessions[1].id]


async def test_a_restored_session_is_not_among_the_archived(store: SessionStore, session: Session) -> None:
    await archive(store, session)
    await restore(store, session)

    assert await listed(store, session.user_id, status="archived") == []


@pytest.mark.parametrize("count", [1, 7, 20])
async def test_a_restored_session_takes_messages_where_it_stopped(
    store: SessionStore, session: Session, count: int
) -> None:
    first = await fill(store, session, 70, persona=LONG)
    await archive(store, session)
    await restore(store, session)

    appended = await store.append(session.user_id, session.id, messages(count))

    assert appended.messages[0].seq == 71
    assert await all_messages(store, session) == [*first, *appended.messages]


async def test_a_message_refused_in_the_archive_is_taken_after_it(store: SessionStore, session: Session) -> None:
    message = a_message()
    await archive(store, session)
    with pytest.raises(SessionArchivedError):
        await store.append(session.user_id, session.id, [message])
    await restore(store, session)

    assert (await store.append(session.user_id, session.id, [message])).created


@pytest.mark.parametrize("count", [0, 1, 30, 90])
async def test_a_restored_session_lives_by_its_own_ttl(store: SessionStore, session: Session, count: int) -> None:
    await fill(store, session, count, persona=LONG)
    await archive(store, session)

    restored = await restore(store, session)

    assert lives_for(restored, HOUR)
    assert restored.ttl_seconds == HOUR


@pytest.mark.parametrize("fields", [{"ttl_seconds": KEEP}, {"pinned": True}])
async def test_kept_and_pinned_sessions_are_kept_after_the_archive(
    store: SessionStore, owner: str, fields: dict[str, Any]
) -> None:
    session = await store.create(a_session(owner, **fields))
    await archive(store, session)

    assert (await restore(store, session)).expires_at is None


async def test_a_ttl_given_in_the_archive_counts_afterwards(store: SessionStore, session: Session) -> None:
    await archive(store, session)
    await update(store, session, ttl_seconds=120)

    assert lives_for(await restore(store, session), 120)


async def test_a_long_session_goes_in_and_out_of_the_archive_again_and_again(
    store: SessionStore, session: Session
) -> None:
    stored = []
    for _ in range(3):
        stored += await fill(store, session, 40, persona=LONG)
        await archive(store, session)
        assert await all_messages(store, session) == stored
        await restore(store, session)

    assert [message.seq for message in stored] == list(range(1, 121))
    assert await all_messages(store, session, order="desc", limit=9) == stored[::-1]


@pytest.mark.parametrize("count", [0, 90])
@pytest.mark.parametrize("pinned", [False, True])
async def test_everything_may_be_changed_while_archiving(
    store: SessionStore, owner: str, count: int, pinned: bool
) -> None:
    session = await store.create(a_session(owner, pinned=pinned))
    stored = await fill(store, session, count, persona=LONG)

    changed = await update(store, session, **EVERYTHING, is_active=False)

    assert changed.model_dump(include=EVERYTHING.keys()) == EVERYTHING
    assert (changed.status, changed.archived_at) == ("archived", changed.updated_at)
    assert lives_for(changed, ARCHIVE_TTL_SECONDS)
    assert await store.get(owner, session.id) == changed
    assert await all_messages(store, session) == stored


@pytest.mark.parametrize("count", [0, 90])
@pytest.mark.parametrize("pinned", [False, True])
async def test_everything_may_be_changed_while_restoring(
    store: SessionStore, owner: str, count: int, pinned: bool
) -> None:
    session = await store.create(a_session(owner, pinned=pinned))
    stored = await fill(store, session, count, persona=LONG)
    await archive(store, session)

    changed = await update(store, session, **EVERYTHING, is_active=True)

    assert changed.model_dump(include=EVERYTHING.keys()) == EVERYTHING
    assert (changed.status, changed.archived_at, changed.last_activity_at) == ("active", None, changed.updated_at)
    assert lives_for(changed, 60)
    assert await store.get(owner, session.id) == changed
    assert await all_messages(store, session) == stored


@pytest.mark.parametrize("is_active", [True, False])
async def test_everything_may_be_changed_on_condition(store: SessionStore, session: Session, is_active: bool) -> None:
    await fill(store, session, 60, persona=LONG)
    before = await update(store, session, is_active=not is_active)

    changed = await update(store, session, before.etag, **EVERYTHING, is_active=is_active)

    assert changed.model_dump(include=EVERYTHING.keys()) == EVERYTHING
    assert changed.is_active == is_active


@pytest.mark.parametrize("is_active", [True, False])
async def test_on_a_condition_that_does_not_hold_nothing_is_changed(
    store: SessionStore, session: Session, is_active: bool
) -> None:
    before = await update(store, session, is_active=not is_active)

    with pytest.raises(PreconditionFailedError):
        await update(store, session, STALE, **EVERYTHING, is_active=is_active)

    assert await store.get(session.user_id, session.id) == before


async def test_messages_go_on_after_everything_was_changed(store: SessionStore, session: Session) -> None:
    stored = await fill(store, session, 60, persona=LONG)
    for is_active in (False, True):
        await update(store, session, **EVERYTHING, is_active=is_active)

    stored += await fill(store, session, 40, persona=LONG)

    assert await all_messages(store, session) == stored


async def test_everything_may_be_changed_beside_writers(store: SessionStore, session: Session) -> None:
    owner = session.user_id

    async def write() -> int:
        for count in range(500):
            try:
                await store.append(owner, session.id, [a_message(persona=LONG)])
            except SessionArchivedError:
                return count
        return 500

    async def change_soon() -> Session:
        while (await store.get(owner, session.id)).message_count < 60:
            await asyncio.sleep(0)
        return await update(store, session, **EVERYTHING, is_active=False)

    changed, *written = await asyncio.gather(change_soon(), *(write() for _ in range(4)))

    assert changed.model_dump(include=EVERYTHING.keys()) == EVERYTHING
    assert len(await all_messages(store, session)) == sum(written) < 2000


async def test_of_restorings_at_once_one_is_done_and_all_succeed(store: SessionStore, session: Session) -> None:
    await fill(store, session, 60, persona=LONG)
    await archive(store, session)

    answers = await asyncio.gather(*(restore(store, session) for _ in range(8)))

    assert len({answer.last_activity_at for answer in answers}) == 1
    assert all(answer.status == "active" for answer in answers)


async def test_archiving_and_restoring_at_once_leave_a_whole_session(store: SessionStore, session: Session) -> None:
    stored = await fill(store, session, 60, persona=LONG)

    deeds = [archive, restore] * 4
    answers = await asyncio.gather(*(deed(store, session) for deed in deeds))

    after = await store.get(session.user_id, session.id)
    assert [answer.is_active for answer in answers] == [deed is restore for deed in deeds]
    assert (after.archived_at is None) == after.is_active
    assert lives_for(after, HOUR if after.is_active else ARCHIVE_TTL_SECONDS)
    assert await all_messages(store, session) == stored
