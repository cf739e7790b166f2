"""Sessions and messages for tests: sensible, valid, and each with ids of its own."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

from shared.models import (
    ImportedSession,
    Lease,
    Message,
    MessageQuery,
    NewMessage,
    NewSession,
    Session,
    SessionFilter,
    Share,
    utc_now,
)
from shared.store.port import SessionStore

HOUR = 3600


# Texts and what finds them, by the one rule that search and the filter by name have; see shared.text.fold.
ALIKE = [
    ("cafe\u0301 noir", "CAF\u00c9"),
    ("caf\u00e9 noir", "cafe\u0301"),
    ("\u1112\u1161\u11ab\u1100\u116e\u11a8\u110b\u1165", "\ud55c\uad6d"),
    ("\ud55c\uad6d\uc5b4", "\u1100\u116e\u11a8\u110b\u1165"),
    ("Tie\u0302\u0301ng Vie\u0323\u0302t", "ti\u1ebfng vi\u1ec7t"),
    ("Ti\u1ebfng Vi\u1ec7t", "VIE\u0302\u0323T"),
    ("10\u00a0km\u3000away", "10 km away"),
    ("10 km", "10\u202fkm"),
    ("Stra\u00dfe", "STRASSE"),
    ("STRASSE", "stra\u00dfe"),
    ("\u212bngstr\u00f6m", "\u00e5NGSTRO\u0308M"),
]
UNLIKE = [("caf\u00e9 noir", "cafe"), ("\uff21\uff22", "ab"), ("a  b", "a b"), ("\ud55c\uad6d", "\uad6d\uc5b4")]


def an_owner() -> str:
    """Return a user id that nobody else has."""
    return f"user-{uuid4().hex}"


def a_session(user_id: str = "somebody", **fields: Any) -> NewSession:
    """Return a session to create, made now, which lives for an hour unless told otherwise."""
    defaults = {"id": f"session-{uuid4().hex}", "user_id": user_id, "ttl_seconds": HOUR, "created_at": utc_now()}
    return NewSession(**{**defaults, **fields})


def an_imported_session(user_id: str, **fields: Any) -> ImportedSession:
    """Return a session without messages, as it was elsewhere."""
    now = utc_now()
    times = {"updated_at": now, "last_activity_at": now, "last_seq": 0}
    return ImportedSession(**a_session(user_id, **fields).model_dump(), **times)


def a_lease(holder: str = "holder", seconds: int = 60, **fields: Any) -> Lease:
    """Return a lease to take, for that many seconds from now."""
    return Lease(**{"reply_id": "reply", "holder": holder, "until": int(time.time()) + seconds, **fields})


def a_share(**fields: Any) -> Share:
    """Return a link to a session's first three messages, made now."""
    defaults = {"id": uuid4().hex[:16], "token_hash": uuid4().hex * 2, "up_to_seq": 3, "created_at": utc_now()}
    return Share(**defaults | fields)


def a_message(content: Any = "Hello", **fields: Any) -> NewMessage:
    """Return a user's message to append, written now."""
    defaults = {"id": f"message-{uuid4().hex}", "role": "user", "created_at": utc_now()}
    return NewMessage(**{**defaults, **fields, "content": content})


def messages(count: int, **fields: Any) -> list[NewMessage]:
    """Return messages whose contents number them from 1."""
    return [a_message(f"message {number}", **fields) for number in range(1, count + 1)]


def again(sent: Sequence[NewMessage], **changes: Any) -> list[NewMessage]:
    """Return messages as they come when a client repeats its request: under the same ids, at a later time."""
    return [message.model_copy(update={"created_at": utc_now(), **changes}) for message in sent]


async def fill(store: SessionStore, session: Session, count: int, **fields: Any) -> list[Message]:
    """Append this many messages to a session, twenty at a time, and return them as stored."""
    sent = messages(count, **fields)
    stored: list[Message] = []
    for start in range(0, count, 20):
        appended = await store.append(session.user_id, session.id, sent[start : start + 20])
        stored += appended.messages
    return stored


async def until_written(store: SessionStore, session: Session, count: int) -> None:
    """Return when writers elsewhere have brought the session to this many messages."""
    while (await store.get(session.user_id, session.id)).message_count < count:
        await asyncio.sleep(0)


async def all_messages(store: SessionStore, session: Session, **query: Any) -> list[Message]:
    """Follow the pages of a session's messages to their end; oldest first unless told otherwise."""
    pages = message_pages(store, session, MessageQuery(**{"limit": 200, "order": "asc", **query}))
    return [message async for page in pages for message in page]


async def message_pages(store: SessionStore, session: Session, query: MessageQuery) -> AsyncIterator[list[Message]]:
    """Follow the pages of a session's messages as a client does."""
    following: MessageQuery | None = query
    while following:
        page = await store.read_messages(session.user_id, session.id, following)
        yield page.messages
        assert page.has_more == (page.next_seq is not None)
        following = following.after_page(page)


async def listed(store: SessionStore, user_id: str, limit: int = 100, **wanted: Any) -> list[Session]:
    """Follow the pages of an owner's sessions to their end."""
    found: list[Session] = []
    after = None
    while True:
        page = await store.list_sessions(user_id, SessionFilter(**wanted), limit, after)
        assert len(page.sessions) <= limit
        found += page.sessions
        after = page.next_key
        if after is None:
            return found
