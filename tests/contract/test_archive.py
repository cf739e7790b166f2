"""update with `is_active` false: the session leaves the list and takes no more messages; nothing else changes."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import PreconditionFailedError, SessionArchivedError, SessionNotFoundError
from shared.models import KEEP, MAX_TTL_SECONDS, Message, MessageQuery, Session, SessionChanges, utc_now
from shared.store.port import SessionStore
from tests.builders import HOUR, a_message, a_session, again, all_messages, fill, listed, messages

NEARLY = timedelta(seconds=5)  # a store may count by a clock of its own, in whole seconds
STALE = '"an-etag-of-long-ago"'
LONG = "a rather long description of the one who speaks here " * 4
ARCHIVE_TTL_SECONDS = 31_536_000  # what both stores are opened with


async def update(store: SessionStore, session: Session, if_match: str | None = None, **changes: Any) -> Session:
    return await store.update(session.user_id, session.id, SessionChanges(**changes), if_match)


async def archive(store: SessionStore, session: Session, if_match: str | None = None) -> Session:
    return await update(store, session, if_match, is_active=False)


async def append(store: SessionStore, session: Session, count: int = 1) -> list[Message]:
    return (await store.append(session.user_id, session.id, messages(count))).messages


@pytest.fixture
def set_archive_ttl(store: SessionStore, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return what gives the open store, which has its archive's ttl from the settings, another one for this test."""
    name = "_archive_ttl_seconds" if store.name == "sqlite" else "_archive_ttl"
    return lambda seconds: monkeypatch.setattr(store, name, seconds)


def lives_for(session: Session, seconds: int) -> bool:
    assert session.expires_at
    return abs(session.expires_at - utc_now() - timedelta(seconds=seconds)) < NEARLY


async def test_a_session_that_never_was_cannot_be_archived(store: SessionStore, owner: str) -> None:
    with pytest.raises(SessionNotFoundError):
        await store.update(owner, "nothing-here", SessionChanges(is_active=False))


async def test_an_archived_session_says_so_and_since_when(store: SessionStore, session: Session) -> None:
    before = utc_now()

    archived = await archive(store, session)

    assert (archived.status, archived.is_active) == ("archived", False)
    assert archived.archived_at
    assert before <= archived.archived_at <= utc_now()
    assert await store.get(session.user_id, session.id) == archived


async def test_archiving_is_a_change_but_no_activity(store: SessionStore, session: Session) -> None:
    await append(store, session)
    before = await store.get(session.user_id, session.id)

    archived = await archive(store, session)

    assert archived.updated_at > before.updated_at
    assert archived.etag != before.etag
    assert archived.last_activity_at == before.last_activity_at == archived.last_message_at


async def test_everything_else_of_the_session_stays(store: SessionStore, owner: str) -> None:
    new = a_session(owner, session_name="n", channel="c", context={"a": 1}, tags=["t"])
    session = await store.create(new, messages(3))

    archived = await archive(store, session)

    moved = {"status", "is_active", "archived_at", "updated_at", "expires_at", "etag"}
    assert archived.model_dump(exclude=moved) == session.model_dump(exclude=moved)


async def test_archiving_again_writes_nothing(store: SessionStore, session: Session) -> None:
    archived = await archive(store, session)

    assert await archive(store, session) == archived
    assert await store.get(session.user_id, session.id) == archived


async def test_archiving_again_with_another_change_keeps_the_time_of_the_first(
    store: SessionStore, session: Session
) -> None:
    archived = await archive(store, session)

    changed = await update(store, session, is_active=False, session_name="renamed")

    assert changed.session_name == "renamed"
    assert (changed.status, changed.archived_at) == ("archived", archived.archived_at)
    assert changed.updated_at > archived.updated_at


async def test_the_etag_of_now_lets_it_pass_and_another_does_not(store: SessionStore, session: Session) -> None:
    with pytest.raises(PreconditionFailedError):
        await archive(store, session, if_match=STALE)

    assert (await archive(store, session, if_match=session.etag)).status == "archived"


async def test_an_etag_holds_though_the_session_is_archived_already(store: SessionStore, session: Session) -> None:
    archived = await archive(store, session)

    with pytest.raises(PreconditionFailedError):
        await archive(store, session, if_match=session.etag)

    assert await archive(store, session, if_match=archived.etag) == archived


@pytest.mark.parametrize("count", [1, 6, 7, 20])
async def test_an_archived_session_refuses_messages(store: SessionStore, session: Session, count: int) -> None:
    archived = await archive(store, session)

    with pytest.raises(SessionArchivedError):
        await append(store, session, count)

    assert await store.get(session.user_id, session.id) == archived


@pytest.mark.parametrize("count", [1, 7, 20])
async def test_a_full_repeat_is_still_recognised(store: SessionStore, session: Session, count: int) -> None:
    sent = messages(count)
    first = await store.append(session.user_id, session.id, sent)
    archived = await archive(store, session)

    repeat = await store.append(session.user_id, session.id, again(sent))

    assert not repeat.created
    assert repeat.messages == first.messages
    assert await store.get(session.user_id, session.id) == archived


async def test_a_full_repeat_of_older_messages_is_recognised_too(store: SessionStore, session: Session) -> None:
    sent = messages(5, persona=LONG)
    await store.append(session.user_id, session.id, sent)
    await fill(store, session, 90, persona=LONG)
    await archive(store, session)

    assert not (await store.append(session.user_id, session.id, again(sent))).created


async def test_a_repeat_of_a_part_is_refused_as_any_message(store: SessionStore, session: Session) -> None:
    sent = messages(2)
    await store.append(session.user_id, session.id, sent[:1])
    await archive(store, session)

    with pytest.raises(SessionArchivedError):
        await store.append(session.user_id, session.id, sent)


async def test_a_repeat_with_other_content_is_refused_as_any_message(store: SessionStore, session: Session) -> None:
    sent = messages(1)
    await store.append(session.user_id, session.id, sent)
    await archive(store, session)

    with pytest.raises(SessionArchivedError):
        await store.append(session.user_id, session.id, again(sent, content="another"))


async def test_a_long_archived_session_can_be_read(store: SessionStore, session: Session) -> None:
    stored = await fill(store, session, 120, persona=LONG)
    archived = await archive(store, session)

    read, page = await store.read(session.user_id, session.id, limit=10)

    assert read == archived
    assert page.messages == stored[:-11:-1]
    assert await all_messages(store, session) == stored
    assert await all_messages(store, session, order="desc", limit=7) == stored[::-1]


async def test_an_archived_session_has_stats_and_is_not_active(store: SessionStore, session: Session) -> None:
    await append(store, session, 3)
    await archive(store, session)

    stats = await store.stats(session.user_id, session.id)

    assert (stats.message_count, stats.is_active) == (3, False)


async def test_an_archived_session_can_be_deleted(store: SessionStore, session: Session) -> None:
    await fill(store, session, 60, persona=LONG)
    await archive(store, session)

    await store.delete(session.user_id, session.id)

    assert await listed(store, session.user_id, status=None) == []


async def test_the_id_of_a_deleted_archived_session_begins_active(store: SessionStore, session: Session) -> None:
    await archive(store, session)
    await store.delete(session.user_id, session.id)

    new = await store.create(a_session(session.user_id, id=session.id))

    assert (new.status, new.archived_at) == ("active", None)


async def test_an_archived_session_can_be_cleared(store: SessionStore, session: Session) -> None:
    await fill(store, session, 60, persona=LONG)
    archived = await archive(store, session)

    await store.clear(session.user_id, session.id)

    after = await store.get(session.user_id, session.id)
    assert (after.message_count, after.status, after.archived_at) == (0, "archived", archived.archived_at)


@pytest.mark.parametrize("after_seq", [10, 95])
async def test_an_archived_session_can_be_rewound(store: SessionStore, session: Session, after_seq: int) -> None:
    stored = await fill(store, session, 100, persona=LONG)
    archived = await archive(store, session)

    await store.rewind(session.user_id, session.id, after_seq)

    after = await store.get(session.user_id, session.id)
    assert (after.status, after.archived_at) == ("archived", archived.archived_at)
    assert await all_messages(store, session) == stored[:after_seq]


async def test_an_archived_session_can_be_changed_and_stays_archived(store: SessionStore, session: Session) -> None:
    archived = await archive(store, session)

    changed = await update(store, session, session_name="n", tags=["t"], pinned=True)

    assert (changed.session_name, changed.tags, changed.pinned) == ("n", ["t"], True)
    assert (changed.status, changed.archived_at) == ("archived", archived.archived_at)


@pytest.mark.parametrize(("status", "there"), [("active", False), ("archived", True), (None, True)])
async def test_it_is_listed_among_the_archived_and_among_all(
    store: SessionStore, session: Session, status: str | None, there: bool
) -> None:
    archived = await archive(store, session)

    assert await listed(store, session.user_id, status=status) == ([archived] if there else [])


async def test_archiving_does_not_change_its_place_in_the_list(store: SessionStore, owner: str) -> None:
    sessions = [await store.create(a_session(owner)) for _ in range(3)]
    await archive(store, sessions[0])

    found = await listed(store, owner, status=None, limit=1)

    assert [session.id for session in found] == [session.id for session in sessions[::-1]]


@pytest.mark.parametrize(
    ("own", "applied"), [(1, ARCHIVE_TTL_SECONDS), (HOUR, ARCHIVE_TTL_SECONDS), (MAX_TTL_SECONDS, MAX_TTL_SECONDS)]
)
async def test_the_longer_of_its_own_and_the_archives_ttl_applies(
    store: SessionStore, session: Session, own: int, applied: int
) -> None:
    archived = await update(store, session, is_active=False, ttl_seconds=own)

    assert archived.ttl_seconds == own
    assert lives_for(archived, applied)


@pytest.mark.parametrize("fields", [{"ttl_seconds": KEEP}, {"pinned": True}])
async def test_kept_and_pinned_sessions_are_kept_in_the_archive(
    store: SessionStore, owner: str, fields: dict[str, Any]
) -> None:
    session = await store.create(a_session(owner, **fields))

    archived = await archive(store, session)

    assert archived.expires_at is None
    assert (archived.ttl_seconds, archived.pinned) == (session.ttl_seconds, session.pinned)


@pytest.mark.parametrize(("seconds", "applied"), [(60, HOUR), (HOUR, HOUR), (2 * HOUR, 2 * HOUR)])
async def test_an_archive_never_shortens_a_life(
    store: SessionStore, session: Session, set_archive_ttl: Callable[[int], None], seconds: int, applied: int
) -> None:
    set_archive_ttl(seconds)

    assert lives_for(await archive(store, session), applied)


async def test_an_archive_that_keeps_keeps_everything(
    store: SessionStore, session: Session, set_archive_ttl: Callable[[int], None]
) -> None:
    set_archive_ttl(KEEP)
    stored = await fill(store, session, 60, persona=LONG)

    archived = await archive(store, session)

    assert (archived.expires_at, archived.ttl_seconds) == (None, HOUR)
    assert await all_messages(store, session) == stored


@pytest.mark.parametrize(
    ("ttl_seconds", "applied"),
    [(60, ARCHIVE_TTL_SECONDS), (2 * ARCHIVE_TTL_SECONDS, 2 * ARCHIVE_TTL_SECONDS), (KEEP, None)],
)
async def test_a_ttl_given_in_the_archive_counts_when_it_is_longer(
    store: SessionStore, session: Session, ttl_seconds: int, applied: int | None
) -> None:
    stored = await fill(store, session, 60, persona=LONG)
    await archive(store, session)

    changed = await update(store, session, ttl_seconds=ttl_seconds)

    assert changed.ttl_seconds == ttl_seconds
    assert changed.expires_at is None if applied is None else lives_for(changed, applied)
    assert await all_messages(store, session) == stored


async def test_without_its_pin_an_archived_session_lives_by_the_archives_ttl(store: SessionStore, owner: str) -> None:
    session = await store.create(a_session(owner, pinned=True))
    await archive(store, session)

    assert lives_for(await update(store, session, pinned=False), ARCHIVE_TTL_SECONDS)


async def test_of_archivings_at_once_one_is_done_and_all_succeed(store: SessionStore, session: Session) -> None:
    await fill(store, session, 60, persona=LONG)

    answers = await asyncio.gather(*(archive(store, session) for _ in range(8)))

    assert answers == [await store.get(session.user_id, session.id)] * 8


async def test_messages_beside_archiving_are_stored_before_it_or_refused(store: SessionStore, session: Session) -> None:
    async def write_until_refused() -> int:
        for count in range(1000):
            try:
                await store.append(session.user_id, session.id, [a_message(persona=LONG)])
            except SessionArchivedError:
                return count
        return 1000

    async def archive_soon() -> Session:
        while (await store.get(session.user_id, session.id)).message_count < 60:
            await asyncio.sleep(0)
        return await archive(store, session)

    archived, *written = await asyncio.gather(archive_soon(), *(write_until_refused() for _ in range(4)))

    page = await store.read_messages(session.user_id, session.id, MessageQuery(limit=1))
    assert archived.message_count == sum(written) == page.messages[0].seq < 1000
    assert archived.last_message_at == page.messages[0].created_at
