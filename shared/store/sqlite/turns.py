"""Who makes a session's next reply: a column of its row, whose changes leave the etag and the life of it alone."""

import json
import sqlite3

from shared.errors import SessionArchivedError
from shared.models import Lease, Replied, stored_json
from shared.store.rules import require_free, require_held
from shared.store.sqlite import sessions as session_table
from shared.store.sqlite.database import Parameter, Transaction

COUNTED = ("replies", "input_tokens", "output_tokens")


def columns(transaction: Transaction, row: sqlite3.Row, turn: Lease | Replied | None) -> dict[str, Parameter]:
    """Return what a write changes that takes a turn, or ends one; raises as SessionStore.append does."""
    if turn is None:
        return {}
    if isinstance(turn, Lease):
        require_free(_lease(row), turn, transaction.now.timestamp())
        return {"lease": stored_json(turn)}
    require_held(_lease(row), turn.holder)
    return {"lease": None, **{name: row[name] + getattr(turn.usage, name) for name in COUNTED}}


def hold(transaction: Transaction, user_id: str, session_id: str, lease: Lease) -> None:
    """Take a lease; see SessionStore.hold_turn."""
    row = session_table.find(transaction, user_id, session_id)
    if row["status"] != "active":
        raise SessionArchivedError
    require_free(_lease(row), lease, transaction.now.timestamp())
    _set(transaction, row, lease)


def end(transaction: Transaction, user_id: str, session_id: str, holder: str) -> None:
    """Give a lease back; see SessionStore.end_turn."""
    row = session_table.find(transaction, user_id, session_id)
    lease = _lease(row)
    if lease and lease.holder == holder:
        _set(transaction, row, None)


def stop(transaction: Transaction, user_id: str, session_id: str, reply_id: str) -> bool:
    """Mark a lease; see SessionStore.stop_turn."""
    row = session_table.find(transaction, user_id, session_id)
    lease = _lease(row)
    now = transaction.now.timestamp()
    if lease is None or lease.reply_id != reply_id or lease.is_over(now):
        return False
    _set(transaction, row, lease.stopped(now))
    return True


def end_abandoned(connection: sqlite3.Connection) -> None:
    """End all leases: nobody has the file open, so whoever took them is gone."""
    connection.execute("UPDATE sessions SET lease = NULL WHERE lease IS NOT NULL")


def _lease(row: sqlite3.Row) -> Lease | None:
    return Lease.model_validate(json.loads(row["lease"])) if row["lease"] else None


def _set(transaction: Transaction, row: sqlite3.Row, lease: Lease | None) -> None:
    transaction.run(
        "UPDATE sessions SET lease = :lease WHERE user_id = :user_id AND id = :session_id",
        lease=stored_json(lease) if lease else None,
        user_id=row["user_id"],
        session_id=row["id"],
    )
