"""update: the settings of a session change, together, under a precondition if one is named."""

from datetime import timedelta
from typing import Any

import pytest

from shared.errors import PreconditionFailedError, SessionNotFoundError
from shared.models import KEEP, Session, SessionChanges, utc_now
from shared.store.port import SessionStore
from tests.builders import HOUR, a_message, a_session, all_messages, fill, messages

NEARLY = timedelta(seconds=5)  # a store may count by a clock of its own, in whole seconds
STALE = '"an-etag-of-long-ago"'


async def update(store: SessionStore, session: Session, if_match: str | None = None, **changes: Any) -> Session:
    return await store.update(session.user_id, session.id, SessionChanges(**changes), if_match)


async def test_a_session_that_never_was_cannot_be_changed(store: SessionStore, owner: str) -> None:
    with pytest.raises(SessionNotFoundError):
        await store.update(owner, "nothing-here", SessionChanges(session_name="x"))


async def test_no_changes_to_a_session_that_never_was_fail_too(store: SessionStore, owner: str) -> None:
    with pytest.raises(SessionNotFoundError):
        await store.update(owner, "nothing-here", SessionChanges())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("session_name", "New \"name\" 'of' 😀"),
        ("context", {"new": {"a": [1, None]}}),
        ("tags", ["new", "tags"]),
        ("pinned", True),
        ("ttl_seconds", 99),
    ],
)
async def test_each_field_can_be_changed_alone(store: SessionStore, owner: str, field: str, value: Any) -> None:
    session = await store.create(a_session(owner, session_name="old", context={"o": 1}, tags=["old"]))

    changed = await update(store, session, **{field: value})

    moving = {"updated_at", "expires_at", "etag", field}
    assert getattr(changed, field) == value
    assert changed.model_dump(exclude=moving) == session.model_dump(exclude=moving)


async def test_changes_are_made_together(store: SessionStore, session: Session) -> None:
    changed = await update(store, session, session_name="n", context={"c": 1}, tags=["t"], pinned=True, ttl_seconds=9)

    assert (changed.session_name, changed.context, changed.tags) == ("n", {"c": 1}, ["t"])
    assert (changed.pinned, changed.ttl_seconds) == (True, 9)


async def test_changes_are_kept(store: SessionStore, session: Session) -> None:
    changed = await update(store, session, session_name="kept", tags=["kept"])

    assert await store.get(session.user_id, session.id) == changed


async def test_null_clears_the_name(store: SessionStore, owner: str) -> None:
    session = await store.create(a_session(owner, session_name="named"))

    assert (await update(store, session, session_name=None)).session_name is None


async def test_context_and_tags_are_replaced_whole(store: SessionStore, owner: str) -> None:
    session = await store.create(a_session(owner, context={"a": 1, "b": 2}, tags=["a", "b"]))

    changed = await update(store, session, context={"c": 3}, tags=["c"])

    assert (changed.context, changed.tags) == ({"c": 3}, ["c"])


async def test_context_and_tags_can_be_emptied(store: SessionStore, owner: str) -> None:
    session = await store.create(a_session(owner, context={"a": 1}, tags=["a"]))

    changed = await update(store, session, context={}, tags=[])

    assert (changed.context, changed.tags) == ({}, [])


async def test_no_changes_move_nothing(store: SessionStore, session: Session) -> None:
    assert await update(store, session) == session
    assert await store.get(session.user_id, session.id) == session


async def test_a_change_moves_updated_at(store: SessionStore, session: Session) -> None:
    changed = await update(store, session, session_name="x")

    assert changed.updated_at > session.updated_at


async def test_a_change_is_no_activity(store: SessionStore, session: Session) -> None:
    changed = await update(store, session, session_name="x")

    assert changed.last_activity_at == session.last_activity_at


async def test_a_change_moves_the_etag(store: SessionStore, session: Session) -> None:
    changed = await update(store, session, session_name="x")

    assert changed.etag != session.etag


async def test_a_change_leaves_the_messages_alone(store: SessionStore, session: Session) -> None:
    stored = await fill(store, session, 5)

    changed = await update(store, session, session_name="x")

    assert changed.message_count == 5
    assert await all_messages(store, session) == stored


async def test_the_etag_of_now_lets_a_change_pass(store: SessionStore, session: Session) -> None:
    changed = await update(store, session, if_match=session.etag, session_name="passed")

    assert changed.session_name == "passed"


async def test_another_etag_refuses_the_change(store: SessionStore, session: Session) -> None:
    with pytest.raises(PreconditionFailedError):
        await update(store, session, if_match=STALE, session_name="refused")

    assert await store.get(session.user_id, session.id) == session


async def test_an_etag_of_before_another_change_is_refused(store: SessionStore, session: Session) -> None:
    await update(store, session, session_name="first")

    with pytest.raises(PreconditionFailedError):
        await update(store, session, if_match=session.etag, session_name="second")


async def test_an_etag_of_before_an_append_is_refused(store: SessionStore, session: Session) -> None:
    await store.append(session.user_id, session.id, [a_message()])

    with pytest.raises(PreconditionFailedError):
        await update(store, session, if_match=session.etag, session_name="late")


async def test_an_etag_holds_though_nothing_is_to_be_changed(store: SessionStore, session: Session) -> None:
    with pytest.raises(PreconditionFailedError):
        await update(store, session, if_match=STALE)


async def test_a_missing_session_is_missing_whatever_the_etag(store: SessionStore, owner: str) -> None:
    with pytest.raises(SessionNotFoundError):
        await store.update(owner, "nothing-here", SessionChanges(session_name="x"), STALE)


@pytest.mark.parametrize("ttl_seconds", [60, 10 * HOUR])
async def test_a_new_ttl_counts_from_its_change(store: SessionStore, owner: str, ttl_seconds: int) -> None:
    session = await store.create(a_session(owner, created_at=utc_now() - timedelta(days=1)))

    changed = await update(store, session, ttl_seconds=ttl_seconds)

    assert changed.expires_at is not None
    assert abs(changed.expires_at - utc_now() - timedelta(seconds=ttl_seconds)) < NEARLY


async def test_a_ttl_of_minus_one_keeps_the_session(store: SessionStore, session: Session) -> None:
    assert (await update(store, session, ttl_seconds=KEEP)).expires_at is None


async def test_a_pin_keeps_the_session(store: SessionStore, session: Session) -> None:
    assert (await update(store, session, pinned=True)).expires_at is None


async def test_without_its_pin_a_session_expires_again(store: SessionStore, owner: str) -> None:
    session = await store.create(a_session(owner, pinned=True))

    changed = await update(store, session, pinned=False)

    assert changed.expires_at is not None
    assert abs(changed.expires_at - utc_now() - timedelta(seconds=HOUR)) < NEARLY


@pytest.mark.parametrize("ttl_seconds", [KEEP, 60, 10 * HOUR])
async def test_a_new_ttl_keeps_every_message_of_a_long_session(
    store: SessionStore, session: Session, ttl_seconds: int
) -> None:
    stored = await fill(store, session, 120, persona="a rather long description of the one who speaks here " * 4)

    await update(store, session, ttl_seconds=ttl_seconds)

    assert await all_messages(store, session) == stored


async def test_appends_go_on_after_a_new_ttl(store: SessionStore, session: Session) -> None:
    await fill(store, session, 60)
    await update(store, session, ttl_seconds=60)

    appended = await store.append(session.user_id, session.id, messages(1))

    assert appended.messages[0].seq == 61
