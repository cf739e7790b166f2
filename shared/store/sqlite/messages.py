"""The table of messages: adding, recognising, paging and counting those of one session."""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from operator import itemgetter

from shared.errors import MessageNotFoundError
from shared.models import ROLES, Message, MessagePage, MessageQuery, NewMessage, Role, format_time, stored_json
from shared.store.rules import PAGE_BYTES, message_from
from shared.store.sqlite.database import Transaction

MAX_SEQ = 2**63 - 1  # SQLite's largest integer; clients may ask beyond it

OF_SESSION = "FROM messages WHERE user_id = :user_id AND session_id = :session_id"


def insert(
    transaction: Transaction, user_id: str, session_id: str, messages: Sequence[NewMessage], first_seq: int
) -> list[Message]:
    """Store messages from `first_seq` on and return them as they are stored."""
    stored = []
    for seq, message in enumerate(messages, first_seq):
        transaction.run(
            """
            INSERT INTO messages (user_id, session_id, seq, id, role, document)
            VALUES (:user_id, :session_id, :seq, :id, :role, :document)
            """,
            user_id=user_id,
            session_id=session_id,
            seq=seq,
            id=message.id,
            role=message.role,
            document=stored_json(message.document()),
        )
        stored.append(message.placed(seq, user_id))
    return stored


def with_ids(transaction: Transaction, user_id: str, session_id: str, ids: Sequence[str]) -> dict[str, Message]:
    """Return the stored messages that have these ids, the newest where an import brought one id twice."""
    rows = transaction.rows(
        f"SELECT seq, document {OF_SESSION} AND id IN (SELECT value FROM json_each(:ids))",  # noqa: S608 - our own names
        user_id=user_id,
        session_id=session_id,
        ids=stored_json(list(ids)),
    )
    # Sorted here: asked for an order, SQLite walks through the whole session along the index of seq.
    found = [_message_from(row, user_id) for row in sorted(rows, key=itemgetter("seq"))]
    return {message.id: message for message in found}


def find(transaction: Transaction, user_id: str, session_id: str, message_id: str) -> Message:
    """Return the newest message by that id; raises MessageNotFoundError."""
    found = with_ids(transaction, user_id, session_id, [message_id])
    if not found:
        raise MessageNotFoundError
    return found[message_id]


def replace(transaction: Transaction, session_id: str, message: Message) -> None:
    """Store a message in its own place."""
    transaction.run(
        """
        UPDATE messages SET role = :role, document = :document
        WHERE user_id = :user_id AND session_id = :session_id AND seq = :seq
        """,
        role=message.role,
        user_id=message.user_id,
        session_id=session_id,
        seq=message.seq,
        document=stored_json(message.document()),
    )


def page(transaction: Transaction, user_id: str, session_id: str, query: MessageQuery) -> MessagePage:
    """Return the messages that the query asks for, up to its limit or PAGE_BYTES."""
    parameters = {
        "user_id": user_id,
        "session_id": session_id,
        "after": _bound(query.after, 0),
        "before": _bound(query.before, MAX_SEQ),
        "role": query.role,
        "limit": query.limit + 1,
    }
    messages: list[Message] = []
    size_bytes = 0
    with closing(transaction.connection.execute(_page_statement(query), parameters)) as rows:
        for row in rows:
            size_bytes += len(row["document"].encode())
            if len(messages) == query.limit or (messages and size_bytes > PAGE_BYTES):
                return MessagePage(messages=messages, has_more=True, next_seq=messages[-1].seq)
            messages.append(_message_from(row, user_id))
    return MessagePage(messages=messages)


def count_by_role(transaction: Transaction, user_id: str, session_id: str) -> dict[Role, int]:
    """Count a session's messages by role, those that it has none of included."""
    rows = transaction.rows(
        f"SELECT role, count(*) AS count {OF_SESSION} GROUP BY role", user_id=user_id, session_id=session_id
    )
    counts = {row["role"]: row["count"] for row in rows}
    return {role: counts.get(role, 0) for role in ROLES}


def newest(transaction: Transaction, user_id: str, session_id: str, count: int) -> list[Message]:
    """Return the newest `count` messages of a session, oldest of them first; fewer where it has no more."""
    rows = transaction.rows(
        f"SELECT seq, document {OF_SESSION} ORDER BY seq DESC LIMIT :count",
        user_id=user_id,
        session_id=session_id,
        count=count,
    )
    return [_message_from(row, user_id) for row in reversed(rows)]


def remove_after(transaction: Transaction, user_id: str, session_id: str, seq: int) -> str | None:
    """Remove the messages newer than `seq` and return when the newest one left was made, None without one."""
    owned = {"user_id": user_id, "session_id": session_id}
    transaction.run(f"DELETE {OF_SESSION} AND seq > :seq", **owned, seq=seq)
    left = newest(transaction, user_id, session_id, 1)
    return format_time(left[0].created_at) if left else None


def remove_all(transaction: Transaction, user_id: str, session_id: str) -> None:
    """Remove every message of a session."""
    transaction.run(f"DELETE {OF_SESSION}", user_id=user_id, session_id=session_id)


def _page_statement(query: MessageQuery) -> str:
    role = "AND role = :role" if query.role else ""
    direction = "ASC" if query.order == "asc" else "DESC"
    return (
        f"SELECT seq, document {OF_SESSION} AND seq > :after AND seq < :before {role} "
        f"ORDER BY seq {direction} LIMIT :limit"
    )


def _bound(seq: int | None, default: int) -> int:
    return default if seq is None else min(max(seq, 0), MAX_SEQ)


def _message_from(row: sqlite3.Row, user_id: str) -> Message:
    return message_from(json.loads(row["document"]), row["seq"], user_id)
