"""Handlers for links to sessions, and the one that strangers open."""

import re

from shared.errors import ShareNotFoundError
from shared.http.boundary import Answer
from shared.http.call import Call
from shared.http.cursors import decode_cursor, encode_cursor
from shared.models import (
    MAX_SEQ,
    JsonObject,
    Message,
    MessageQuery,
    Model,
    Seq,
    Share,
    ShareInput,
    Timestamp,
    format_time,
)
from shared.service import token_hash

SHARE_ID = re.compile(r"[0-9a-f]{16}")
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
PRIVATE = {"X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": "no-referrer"}  # of a page with a secret address


class _Link(Model):
    """Where a list of links goes on: behind that one."""

    created_at: Timestamp
    id: str


class _Place(Model):
    """Where a page of a shared session goes on: behind that message."""

    seq: Seq


async def create(call: Call) -> Answer:
    """Make a link to a session."""
    owner, session_id = call.owner, call.session_id
    share, token = await call.chat.share(owner, session_id, ShareInput.model_validate(call.body))
    return Answer(_told(share) | {"url": f"/api/shared/{token}"}, 201)


async def list_all(call: Call) -> Answer:
    """List the links of a session that work, oldest first; their tokens are not known here."""
    owner, session_id = call.owner, call.session_id
    limit, cursor = call.query.number("limit", 1, 100) or 20, call.query.one("cursor")
    binding = (owner, "shares", session_id)
    last = decode_cursor(cursor, _Link, *binding) if cursor else None
    links = await call.chat.store.list_shares(owner, session_id)
    left = [link for link in links if last is None or (link.created_at, link.id) > (last.created_at, last.id)]
    data = left[:limit]
    behind = _Link(created_at=data[-1].created_at, id=data[-1].id) if len(left) > limit else None
    next_cursor = encode_cursor(behind, *binding) if behind else None
    return Answer(
        {"data": [_told(link) for link in data], "has_more": next_cursor is not None, "next_cursor": next_cursor}
    )


async def revoke(call: Call) -> Answer:
    """Revoke a link."""
    owner, session_id, share_id = call.owner, call.session_id, call.route("share_id")
    if not SHARE_ID.fullmatch(share_id):
        raise ShareNotFoundError
    await call.chat.store.remove_share(owner, session_id, share_id)
    return Answer(None, 204)


async def view(call: Call) -> Answer:
    """Return what a link shows: role, content and time of messages, oldest first."""
    token = call.route("token")
    if not TOKEN.fullmatch(token):
        raise ShareNotFoundError
    limit, cursor = call.query.number("limit", 1, 200) or 50, call.query.one("cursor")
    place = decode_cursor(cursor, _Place, "shared", token) if cursor else _Place(seq=0)
    session, share = await call.chat.store.find_share(token_hash(token))
    query = MessageQuery(limit=limit, order="asc", after=place.seq, before=min(share.up_to_seq, MAX_SEQ - 1) + 1)
    page = await call.chat.store.read_messages(session.user_id, session.id, query)
    shown = [_shown(message) for message in page.messages if share.shows(message)]
    next_cursor = None if page.next_seq is None else encode_cursor(_Place(seq=page.next_seq), "shared", token)
    body = {
        "session_name": session.session_name,
        "messages": shown,
        "has_more": next_cursor is not None,
        "next_cursor": next_cursor,
    }
    return Answer(body, 200, PRIVATE)


def _told(share: Share) -> JsonObject:
    told: JsonObject = share.model_dump(mode="json", include={"up_to_seq", "created_at", "expires_at"})
    return {"share_id": share.id} | told


def _shown(message: Message) -> JsonObject:
    return {"role": message.role, "content": message.content, "created_at": format_time(message.created_at)}
