"""import_session: a session comes as it was elsewhere, whole or not at all, once."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import SessionExistsError, SessionNotFoundError
from shared.models import ImportedMessage, ImportedSession, SessionChanges, utc_now
from shared.store.port import SessionStore
from tests.builders import HOUR, a_message, a_session, again, all_messages, listed, messages

LONG = "a text that fills generations " * 20
LENGTHS = (0, 1, 7, 40, 300)


def from_elsewhere(owner: str, count: int, **fields: Any) -> tuple[ImportedSession, list[ImportedMessage]]:
    """Return a session of last month with this many messages, a minute apart."""
    began = utc_now() - timedelta(days=30)
    imported = [
        ImportedMessage(
            **a_message(f"{LONG}{number}").model_dump(exclude={"created_at"}),
            created_at=began + timedelta(minutes=number),
        )
        for number in range(count)
    ]
    last = imported[-1].created_at if imported else began
    defaults = {"created_at": began, "updated_at": last, "last_activity_at": last, "last_seq": count}
    session = a_session(owner, fingerprint="first").model_dump() | defaults | fields
    return ImportedSession(**session), imported


@pytest.mark.parametrize("count", LENGTHS)
async def test_every_message_comes_with_its_time_in_its_place(store: SessionStore, owner: str, count: int) -> None:
    session, sent = from_elsewhere(owner, count)

    assert await store.import_session(session, sent)

    found = await all_messages(store, await store.get(owner, session.id))
    assert [message.seq for message in found] == list(range(1, count + 1))
    assert [message.document() for message in found] == [message.document() for message in sent]


async def test_the_session_keeps_its_times_and_its_fields(store: SessionStore, owner: str) -> None:
    session, sent = from_elsewhere(owner, 3, session_name="Plans", tags=["x"], context={"a": 1}, channel="web")

    await store.import_session(session, sent)

    found = await store.get(owner, session.id)
    shared = {"id", "session_name", "tags", "context", "channel", "created_at", "updated_at", "last_activity_at"}
    assert found.model_dump(include=shared) == session.model_dump(include=shared)
    assert (found.message_count, found.last_message_at) == (3, sent[-1].created_at)


async def test_an_archived_session_comes_archived_and_can_be_restored(store: SessionStore, owner: str) -> None:
    archived_at = utc_now() - timedelta(days=1)
    session, sent = from_elsewhere(owner, 40, status="archived", archived_at=archived_at)

    await store.import_session(session, sent)

    found = await store.get(owner, session.id)
    assert (found.status, found.archived_at) == ("archived", archived_at)
    assert (await store.update(owner, session.id, SessionChanges(is_active=True))).status == "active"


async def test_numbers_may_begin_later_than_one(store: SessionStore, owner: str) -> None:
    session, sent = from_elsewhere(owner, 40, last_seq=140)

    await store.import_session(session, sent)

    found = await store.get(owner, session.id)
    assert [message.seq for message in await all_messages(store, found)] == list(range(101, 141))
    assert (await store.append(owner, session.id, messages(1))).messages[0].seq == 141


async def test_feedback_comes_with_its_message(store: SessionStore, owner: str) -> None:
    session, sent = from_elsewhere(owner, 2)
    rated = [sent[0].model_copy(update={"feedback": {"rating": "up"}}), sent[1]]

    await store.import_session(session, rated)

    found = await all_messages(store, await store.get(owner, session.id))
    assert [message.feedback for message in found] == [{"rating": "up"}, None]


@pytest.mark.parametrize("count", [3, 300])
async def test_an_imported_session_goes_on_like_any_other(store: SessionStore, owner: str, count: int) -> None:
    session, sent = from_elsewhere(owner, count)
    await store.import_session(session, sent)

    appended = await store.append(owner, session.id, messages(20))
    await store.append(owner, session.id, [a_message("last")])

    assert appended.messages[0].seq == count + 1
    found = await all_messages(store, await store.get(owner, session.id))
    assert len(found) == count + 21
    assert found[-1].content == "last"


async def test_ids_of_imported_messages_are_recognised(store: SessionStore, owner: str) -> None:
    session, sent = from_elsewhere(owner, 40)
    await store.import_session(session, sent)

    for message in (sent[-1], sent[0]):
        assert not (await store.append(owner, session.id, again([message]))).created


async def test_importing_again_changes_nothing(store: SessionStore, owner: str) -> None:
    session, sent = from_elsewhere(owner, 40)
    await store.import_session(session, sent)
    await store.append(owner, session.id, messages(1))
    before = await store.get(owner, session.id)

    assert not await store.import_session(session, sent)

    assert await store.get(owner, session.id) == before
    assert before.message_count == 41


@pytest.mark.parametrize("fingerprint", ["other", None])
async def test_another_session_by_that_id_stays(store: SessionStore, owner: str, fingerprint: str | None) -> None:
    there = await store.create(a_session(owner, fingerprint=fingerprint), messages(1))
    session, sent = from_elsewhere(owner, 3, id=there.id)

    with pytest.raises(SessionExistsError):
        await store.import_session(session.model_copy(update={"fingerprint": fingerprint and "first"}), sent)

    assert await store.get(owner, there.id) == there


async def test_two_importers_at_once_store_it_once(store: SessionStore, owner: str) -> None:
    session, sent = from_elsewhere(owner, 40)

    stored = await asyncio.gather(*(store.import_session(session, sent) for _ in range(2)))

    assert sorted(each is not None for each in stored) == [False, True]
    assert len(await all_messages(store, await store.get(owner, session.id))) == 40


async def test_the_id_of_a_deleted_session_is_free_for_an_import(store: SessionStore, owner: str) -> None:
    session, sent = from_elsewhere(owner, 40)
    await store.import_session(session, sent)
    await store.delete(owner, session.id)

    assert await store.import_session(session, sent[:3])

    assert len(await all_messages(store, await store.get(owner, session.id))) == 3


async def test_a_time_to_end_holds_until_the_session_is_used(store: SessionStore, owner: str) -> None:
    ends = utc_now() + timedelta(seconds=600)
    session, sent = from_elsewhere(owner, 40, ttl_seconds=HOUR, expires_at=ends)
    await store.import_session(session, sent)
    before = (await store.get(owner, session.id)).expires_at

    await store.append(owner, session.id, messages(1))

    after = (await store.get(owner, session.id)).expires_at
    assert before is not None
    assert abs(before - ends) < timedelta(seconds=5)
    assert after is not None
    assert abs(after - utc_now() - timedelta(seconds=HOUR)) < timedelta(seconds=10)


async def test_a_session_whose_end_has_come_is_gone_soon(store: SessionStore, owner: str) -> None:
    session, sent = from_elsewhere(owner, 3, expires_at=utc_now() - timedelta(hours=1))

    await store.import_session(session, sent)
    await asyncio.sleep(2.1)

    with pytest.raises(SessionNotFoundError):
        await store.get(owner, session.id)


async def test_imported_sessions_are_listed_by_their_last_activity(store: SessionStore, owner: str) -> None:
    older, sent = from_elsewhere(owner, 3)
    await store.import_session(older, sent)
    newer = await store.create(a_session(owner))

    assert [session.id for session in await listed(store, owner)] == [newer.id, older.id]
