"""The table of sessions: finding, listing, writing and expiring them."""

import json
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime

from shared.errors import PreconditionFailedError, SessionNotFoundError
from shared.models import (
    IdleSession,
    ImportedMessage,
    ImportedSession,
    JsonObject,
    Lease,
    NewMessage,
    NewSession,
    Session,
    SessionFilter,
    SessionKey,
    SessionPage,
    format_time,
    stored_json,
)
from shared.store.rules import applied_ttl, expiry, first_activity
from shared.store.sqlite.database import Parameter, Transaction

MESSAGES_AT_ONCE = 500  # removed of one session by one transaction: some ten milliseconds at most

FIND = """
SELECT * FROM sessions
WHERE user_id = :user_id AND id = :session_id AND (expires_at IS NULL OR expires_at > :now)
"""
LIST = """
SELECT * FROM sessions
WHERE user_id = :user_id AND (expires_at IS NULL OR expires_at > :now)
AND (:status IS NULL OR status = :status)
AND (:channel IS NULL OR channel = :channel)
AND (:pinned IS NULL OR pinned = :pinned)
AND (:name IS NULL OR contains_folded(session_name, :name))
AND (:tags IS NULL OR contains_tags(tags, :tags))
AND (:before_time IS NULL OR (last_activity_at, id) < (:before_time, :before_id))
ORDER BY last_activity_at DESC, id DESC LIMIT :limit
"""
WALK = """
SELECT * FROM sessions
WHERE user_id = :user_id AND id > :after_id AND (expires_at IS NULL OR expires_at > :now)
ORDER BY id LIMIT :limit
"""
IDLE = """
SELECT last_activity_at, user_id, id, ttl_seconds, etag FROM sessions
WHERE status = 'active' AND pinned = 0 AND last_activity_at <= :idle_since
AND (expires_at IS NULL OR expires_at > :now)
AND (last_activity_at, user_id, id) > (:after_time, :after_user, :after_id)
ORDER BY last_activity_at, user_id, id LIMIT :limit
"""


def find_any(transaction: Transaction, user_id: str, session_id: str) -> sqlite3.Row | None:
    """Return the row of a session; None when there is none or it has expired."""
    return transaction.row(FIND, user_id=user_id, session_id=session_id, now=format_time(transaction.now))


def just_written(transaction: Transaction, user_id: str, session_id: str) -> Session:
    """Return a session that this transaction has written, also one whose time had come before."""
    row = transaction.row(FIND, user_id=user_id, session_id=session_id, now="")
    if row is None:
        raise AssertionError
    return session_from(row)


def find(transaction: Transaction, user_id: str, session_id: str) -> sqlite3.Row:
    """Return the row of a session; raises SessionNotFoundError when there is none or it has expired."""
    row = find_any(transaction, user_id, session_id)
    if row is None:
        raise SessionNotFoundError
    return row


def list_matching(
    transaction: Transaction, user_id: str, wanted: SessionFilter, limit: int, after: SessionKey | None
) -> SessionPage:
    """Return the owner's sessions that match, last activity first, then by id descending."""
    rows = transaction.rows(
        LIST,
        user_id=user_id,
        now=format_time(transaction.now),
        status=wanted.status,
        channel=wanted.channel,
        pinned=wanted.pinned,
        name=wanted.name,
        tags=stored_json(wanted.tags) if wanted.tags else None,
        before_time=format_time(after.last_activity_at) if after else None,
        before_id=after.id if after else None,
        limit=limit + 1,
    )
    sessions = [session_from(row) for row in rows[:limit]]
    if len(rows) <= limit:
        return SessionPage(sessions=sessions)
    return SessionPage(sessions=sessions, next_key=SessionKey.model_validate(sessions[-1].model_dump()))


def list_by_id(transaction: Transaction, user_id: str, limit: int, after_id: str) -> list[Session]:
    """Return the owner's sessions by id."""
    now = format_time(transaction.now)
    rows = transaction.rows(WALK, user_id=user_id, after_id=after_id, limit=limit, now=now)
    return [session_from(row) for row in rows]


def list_idle(
    transaction: Transaction, idle_since: datetime, limit: int, after: IdleSession | None
) -> list[IdleSession]:
    """Return active, unpinned sessions of all owners without activity since, longest idle first."""
    rows = transaction.rows(
        IDLE,
        idle_since=format_time(idle_since),
        now=format_time(transaction.now),
        after_time=format_time(after.last_activity_at) if after else "",
        after_user=after.user_id if after else "",
        after_id=after.id if after else "",
        limit=limit,
    )
    return [IdleSession.model_validate(dict(row)) for row in rows]


def session_from(row: sqlite3.Row) -> Session:
    """Return the session that a row holds."""
    fields = dict(row)
    texts = {name: json.loads(fields.get(name) or "null") for name in ("context", "tags", "lease")}
    return Session.model_validate(fields | texts)


def columns_of(fields: JsonObject) -> dict[str, Parameter]:
    """Return fields of a session as the table holds them."""
    return {name: stored_json(value) if name in {"context", "tags"} else value for name, value in fields.items()}


def insert(
    transaction: Transaction,
    session: NewSession,
    messages: Sequence[NewMessage],
    archive_ttl_seconds: int,
    *,
    lease: Lease | None,
) -> None:
    """Store a new session that counts these messages as its first; its id must be free."""
    created_at = format_time(session.created_at)
    last_message_at = format_time(messages[-1].created_at) if messages else None
    columns: dict[str, Parameter] = {
        **columns_of(session.model_dump()),
        "status": "active",
        "updated_at": created_at,
        "last_activity_at": first_activity(created_at, last_message_at),
        "last_message_at": last_message_at,
        "message_count": len(messages),
        "last_seq": len(messages),
        **({"lease": stored_json(lease)} if lease else {}),
    }
    _insert(transaction, columns | _written(transaction, columns, archive_ttl_seconds))


def insert_imported(
    transaction: Transaction,
    session: ImportedSession,
    messages: Sequence[ImportedMessage],
    archive_ttl_seconds: int,
) -> None:
    """Store a session as it was elsewhere; its id must be free."""
    columns: dict[str, Parameter] = {
        **columns_of(session.model_dump()),
        "last_message_at": format_time(messages[-1].created_at) if messages else None,
        "message_count": len(messages),
    }
    written = _written(transaction, columns, archive_ttl_seconds)
    _insert(transaction, columns | written | ({"expires_at": columns["expires_at"]} if session.expires_at else {}))


def _insert(transaction: Transaction, columns: Mapping[str, Parameter]) -> None:
    names = ", ".join(columns)
    values = ", ".join(f":{name}" for name in columns)
    transaction.run(f"INSERT INTO sessions ({names}) VALUES ({values})", **columns)  # noqa: S608 - our own names


def first_seq(row: sqlite3.Row) -> int:
    """Return the seq of the first kept message, or of the next one when there is none."""
    return int(row["last_seq"]) - int(row["message_count"]) + 1


def require_match(row: sqlite3.Row, if_match: str | None) -> None:
    """Raise PreconditionFailedError unless the session has that etag, or any will do."""
    if if_match not in {None, row["etag"]}:
        raise PreconditionFailedError


def change(
    transaction: Transaction, row: sqlite3.Row, columns: Mapping[str, Parameter], archive_ttl_seconds: int
) -> str:
    """Write columns of a session, restart its time to live, and return its new etag."""
    written = _written(transaction, {**row, **columns}, archive_ttl_seconds)
    columns = {**columns, **written}
    settings = ", ".join(f"{name} = :{name}" for name in columns)
    transaction.run(
        f"UPDATE sessions SET {settings} WHERE user_id = :owner AND id = :session_id",  # noqa: S608 - our own names
        **columns,
        owner=row["user_id"],
        session_id=row["id"],
    )
    return str(written["etag"])


def remove(transaction: Transaction, user_id: str, session_id: str) -> None:
    """Remove a session with its messages and links, expired or not; nothing happens when there is none."""
    owned = {"user_id": user_id, "session_id": session_id}
    transaction.run("DELETE FROM messages WHERE user_id = :user_id AND session_id = :session_id", **owned)
    transaction.run("DELETE FROM shares WHERE user_id = :user_id AND session_id = :session_id", **owned)
    transaction.run("DELETE FROM sessions WHERE user_id = :user_id AND id = :session_id", **owned)


def purge_expired(transaction: Transaction) -> bool | None:
    """Remove a bounded part of what has expired; return whether it was the last of a session, None without any."""
    row = transaction.row(
        "SELECT user_id, id FROM sessions WHERE expires_at <= :now ORDER BY expires_at LIMIT 1",
        now=format_time(transaction.now),
    )
    if row is None:
        return None
    removed = transaction.run(
        """
        DELETE FROM messages WHERE number IN
        (SELECT number FROM messages WHERE user_id = :user_id AND session_id = :session_id ORDER BY seq LIMIT :most)
        """,
        user_id=row["user_id"],
        session_id=row["id"],
        most=MESSAGES_AT_ONCE,
    )
    if removed == MESSAGES_AT_ONCE:
        return False
    remove(transaction, row["user_id"], row["id"])
    return True


def erase_one(transaction: Transaction, user_id: str) -> sqlite3.Row | None:
    """Remove one session of an owner and return what it was, also when it had expired; None when none is left."""
    row = transaction.row(
        "SELECT id, message_count, expires_at <= :now AS expired FROM sessions WHERE user_id = :user_id LIMIT 1",
        user_id=user_id,
        now=format_time(transaction.now),
    )
    if row is not None:
        remove(transaction, user_id, row["id"])
    return row


def _written(
    transaction: Transaction, columns: Mapping[str, Parameter], archive_ttl_seconds: int
) -> dict[str, Parameter]:
    ttl = applied_ttl(
        int(columns["ttl_seconds"] or 0),
        archive_ttl_seconds,
        pinned=bool(columns["pinned"]),
        status="active" if columns["status"] == "active" else "archived",
    )
    expires_at = expiry(transaction.now, ttl)
    return {
        "etag": f'"{secrets.token_hex(12)}"',
        "expires_at": format_time(expires_at) if expires_at else None,
    }
