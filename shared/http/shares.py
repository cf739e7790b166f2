"""Handlers for links to sessions, and the one that strangers open."""

from datetime import datetime
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict  # pydantic asks for this one before Python 3.12

from shared.errors import TooManySharesError
from shared.http.answers import PAGE, Page, Time
from shared.http.call import Answer, Call
from shared.http.cursors import decode_cursor, encode_cursor
from shared.http.endpoint import Endpoint, Reply
from shared.http.query import WHOLE_NUMBER, Cursor, QueryModel
from shared.models import (
    MAX_SEQ,
    JsonObject,
    Message,
    MessageQuery,
    Model,
    Role,
    Seq,
    Share,
    ShareInput,
    Timestamp,
    format_time,
    meanings,
)
from shared.service import token_hash

PRIVATE = {"X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": "no-referrer"}  # of a page with a secret address


class SharesQuery(QueryModel):
    """Which links to list."""

    limit: Annotated[int, Field(ge=1, le=100), WHOLE_NUMBER] = Field(default=20, description="How many at most.")
    cursor: Cursor = None


class SharedQuery(QueryModel):
    """Which messages to show."""

    limit: Annotated[int, Field(ge=1, le=200), WHOLE_NUMBER] = Field(default=50, description="How many at most.")
    cursor: Cursor = None


class SharedLink(TypedDict):
    """A link to a session; its address is told only once."""

    share_id: Annotated[str, Field(description="The link's id, to revoke it by.")]
    up_to_seq: Annotated[int, meanings.UP_TO_SEQ]
    created_at: Annotated[Time, meanings.CREATED_AT]
    expires_at: Annotated[Time | None, Field(description="When the link ends; null for never.")]


class NewLink(SharedLink):
    """A link that was just made."""

    url: Annotated[str, Field(description="The path of the link, with its secret token; it is told only here.")]


class LinkList(Page):
    """The links of a session that work, oldest first."""

    data: Annotated[list[SharedLink], PAGE]


class SharedMessage(TypedDict):
    """A message as a link shows it."""

    role: Annotated[Role, meanings.ROLE]
    content: Annotated[str | list[JsonObject], meanings.CONTENT]
    created_at: Annotated[Time, meanings.CREATED_AT]


class SharedSession(Page):
    """What a link shows, oldest message first."""

    session_name: Annotated[str | None, meanings.NAME_OF_SESSION]
    messages: Annotated[list[SharedMessage], meanings.MESSAGES]


class _Link(Model):
    """Where a list of links goes on: after that one."""

    created_at: Timestamp
    id: str


class _Place(Model):
    """Where a page of a shared session goes on: after that message."""

    seq: Seq


@Endpoint(tag="Sessions", answers={201: Reply("The link.")}, errors=(TooManySharesError,))
async def create(call: Call, body: ShareInput) -> Answer[NewLink]:
    """Make a link to a session.

    A read-only link for people who have no account. It shows the messages up to `up_to_seq` that are there now, as they
    are when somebody looks: a redaction shows at once, and the link ends with the session. The address is a secret: it
    is told only here, only its hash is stored. A session has at most 50 links.
    """
    share, token = await call.chat.share(call.owner, call.session_id, body)
    return Answer({**_told(share), "url": f"/api/shared/{token}"}, 201)


@Endpoint(tag="Sessions", answers={200: Reply("A page of them.")})
async def list_all(call: Call, query: SharesQuery) -> Answer[LinkList]:
    """List the links to a session.

    The links that work, oldest first; their addresses are not known any more.
    """
    binding = (call.owner, "shares", call.session_id)
    last = decode_cursor(query.cursor, _Link, *binding) if query.cursor else None
    links = await call.store.list_shares(call.owner, call.session_id)
    left = [link for link in links if last is None or (link.created_at, link.id) > (last.created_at, last.id)]
    data = left[: query.limit]
    place = _Link(created_at=data[-1].created_at, id=data[-1].id) if len(left) > query.limit else None
    next_cursor = encode_cursor(place, *binding) if place else None
    return Answer(
        {"data": [_told(link) for link in data], "has_more": next_cursor is not None, "next_cursor": next_cursor}
    )


@Endpoint(tag="Sessions", answers={204: Reply("Revoked.")})
async def revoke(call: Call) -> Answer[None]:
    """Revoke a link.

    The link stops to work at once.
    """
    await call.store.remove_share(call.owner, call.session_id, call.path["share_id"])
    return Answer(None, 204)


@Endpoint(tag="Shared", answers={200: Reply("A page, oldest message first.")}, owner=None)
async def view(call: Call, query: SharedQuery) -> Answer[SharedSession]:
    """Read what somebody shares.

    What a link shows, to anybody who has it: role, content and time. It is not for search engines.
    """
    token = call.path["token"]
    place = decode_cursor(query.cursor, _Place, "shared", token) if query.cursor else _Place(seq=0)
    session, share = await call.store.find_share(token_hash(token))
    wanted = MessageQuery(limit=query.limit, order="asc", after=place.seq, before=min(share.up_to_seq, MAX_SEQ - 1) + 1)
    page = await call.store.read_messages(session.user_id, session.id, wanted)
    next_cursor = None if page.next_seq is None else encode_cursor(_Place(seq=page.next_seq), "shared", token)
    body: SharedSession = {
        "session_name": session.session_name,
        "messages": [_shown(message) for message in page.messages if share.shows(message)],
        "has_more": next_cursor is not None,
        "next_cursor": next_cursor,
    }
    return Answer(body, 200, PRIVATE)


def _told(share: Share) -> SharedLink:
    return {
        "share_id": share.id,
        "up_to_seq": share.up_to_seq,
        "created_at": format_time(share.created_at),
        "expires_at": _written(share.expires_at),
    }


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)


def _shown(message: Message) -> SharedMessage:
    return {"role": message.role, "content": message.content, "created_at": format_time(message.created_at)}
