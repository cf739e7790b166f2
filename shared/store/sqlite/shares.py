"""The table of links to sessions."""

import sqlite3
from collections.abc import Sequence

from shared.errors import ShareNotFoundError
from shared.models import Session, Share, format_time
from shared.store.rules import with_share, without_share, working_shares
from shared.store.sqlite import sessions as session_table
from shared.store.sqlite.database import Transaction

OF_SESSION = "FROM shares WHERE user_id = :user_id AND session_id = :session_id"


def insert(transaction: Transaction, user_id: str, session_id: str, share: Share, archive_ttl_seconds: int) -> None:
    """Keep a link, and forget those of the session that have expired."""
    row = session_table.find(transaction, user_id, session_id)
    kept = with_share(_of_session(transaction, row), share, transaction.now)
    _replace(transaction, row, kept, archive_ttl_seconds)


def of_session(transaction: Transaction, user_id: str, session_id: str) -> list[Share]:
    """Return a session's links that work, oldest first."""
    row = session_table.find(transaction, user_id, session_id)
    return working_shares(_of_session(transaction, row), transaction.now)


def remove(transaction: Transaction, user_id: str, session_id: str, share_id: str, archive_ttl_seconds: int) -> None:
    """Revoke a link; raises ShareNotFoundError."""
    row = session_table.find(transaction, user_id, session_id)
    kept = without_share(_of_session(transaction, row), share_id, transaction.now)
    _replace(transaction, row, kept, archive_ttl_seconds)


def find(transaction: Transaction, token_hash: str) -> tuple[Session, Share]:
    """Return a link and its session; raises ShareNotFoundError."""
    row = transaction.row("SELECT * FROM shares WHERE token_hash = :token_hash", token_hash=token_hash)
    session = session_table.find_any(transaction, row["user_id"], row["session_id"]) if row else None
    if row is None or session is None or (share := _share_from(row)).is_over(transaction.now):
        raise ShareNotFoundError
    return session_table.session_from(session), share


def _of_session(transaction: Transaction, row: sqlite3.Row) -> list[Share]:
    rows = transaction.rows(f"SELECT * {OF_SESSION}", user_id=row["user_id"], session_id=row["id"])
    return [_share_from(row) for row in rows]


def _replace(transaction: Transaction, row: sqlite3.Row, shares: Sequence[Share], archive_ttl_seconds: int) -> None:
    """Keep these links of a session and no others."""
    owned = {"user_id": row["user_id"], "session_id": row["id"]}
    transaction.run(f"DELETE {OF_SESSION}", **owned)
    for share in shares:
        transaction.run(
            """
            INSERT INTO shares (user_id, session_id, id, token_hash, up_to_seq, created_at, expires_at)
            VALUES (:user_id, :session_id, :id, :token_hash, :up_to_seq, :created_at, :expires_at)
            """,
            **owned,
            **share.model_dump(),
        )
    session_table.change(transaction, row, {"updated_at": format_time(transaction.now)}, archive_ttl_seconds)


def _share_from(row: sqlite3.Row) -> Share:
    return Share.model_validate(dict(row))
