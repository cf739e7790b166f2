"""The table of links to sessions."""

import sqlite3

from shared.errors import ShareNotFoundError, TooManySharesError
from shared.models import MAX_SHARES, Session, Share, format_time
from shared.store.sqlite import sessions as session_table
from shared.store.sqlite.database import Transaction

WORKING = "(expires_at IS NULL OR expires_at > :now)"


def insert(transaction: Transaction, user_id: str, session_id: str, share: Share, archive_ttl_seconds: int) -> None:
    """Keep a link, and forget those of the session that have expired."""
    row = session_table.find(transaction, user_id, session_id)
    if len(of_session(transaction, user_id, session_id)) >= MAX_SHARES:
        raise TooManySharesError
    owned = {"user_id": user_id, "session_id": session_id}
    transaction.run(
        f"DELETE FROM shares WHERE user_id = :user_id AND session_id = :session_id AND NOT {WORKING}",  # noqa: S608
        **owned,
        now=format_time(transaction.now),
    )
    transaction.run(
        """
        INSERT INTO shares (user_id, session_id, id, token_hash, up_to_seq, created_at, expires_at)
        VALUES (:user_id, :session_id, :id, :token_hash, :up_to_seq, :created_at, :expires_at)
        """,
        **owned,
        **share.model_dump(),
    )
    _note(transaction, row, archive_ttl_seconds)


def of_session(transaction: Transaction, user_id: str, session_id: str) -> list[Share]:
    """Return a session's links that work, oldest first."""
    session_table.find(transaction, user_id, session_id)
    rows = transaction.rows(
        f"SELECT * FROM shares WHERE user_id = :user_id AND session_id = :session_id AND {WORKING}"  # noqa: S608
        " ORDER BY created_at, id",
        user_id=user_id,
        session_id=session_id,
        now=format_time(transaction.now),
    )
    return [Share.model_validate(dict(row)) for row in rows]


def remove(transaction: Transaction, user_id: str, session_id: str, share_id: str, archive_ttl_seconds: int) -> None:
    """Revoke a link; raises ShareNotFoundError."""
    row = session_table.find(transaction, user_id, session_id)
    removed = transaction.run(
        f"""
        DELETE FROM shares
        WHERE user_id = :user_id AND session_id = :session_id AND id = :share_id AND {WORKING}
        """,  # noqa: S608 - our own words
        user_id=user_id,
        session_id=session_id,
        share_id=share_id,
        now=format_time(transaction.now),
    )
    if not removed:
        raise ShareNotFoundError
    _note(transaction, row, archive_ttl_seconds)


def find(transaction: Transaction, token_hash: str) -> tuple[Session, Share]:
    """Return a link and its session; raises ShareNotFoundError."""
    row = transaction.row(
        f"SELECT * FROM shares WHERE token_hash = :token_hash AND {WORKING}",  # noqa: S608 - our own words
        token_hash=token_hash,
        now=format_time(transaction.now),
    )
    session = session_table.find_any(transaction, row["user_id"], row["session_id"]) if row else None
    if row is None or session is None:
        raise ShareNotFoundError
    return session_table.session_from(session), Share.model_validate(dict(row))


def _note(transaction: Transaction, row: sqlite3.Row, archive_ttl_seconds: int) -> None:
    session_table.change(transaction, row, {"updated_at": format_time(transaction.now)}, archive_ttl_seconds)
