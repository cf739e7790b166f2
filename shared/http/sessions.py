"""Handlers for sessions."""

from typing import Annotated, Literal

from pydantic import Field

from shared.errors import IdempotencyConflictError, PreconditionFailedError, SessionExistsError
from shared.http.answers import PAGE, HasMore, Page
from shared.http.call import Answer, Call
from shared.http.cursors import asked_for, decode_cursor, encode_cursor
from shared.http.endpoint import Endpoint, Reply
from shared.http.etags import names
from shared.http.messages import messages_cursor
from shared.http.parameters import IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH
from shared.http.query import WHOLE_NUMBER, Cursor, Flag, QueryModel
from shared.models import (
    Channel,
    ForkInput,
    Message,
    Nothing,
    Session,
    SessionChanges,
    SessionFilter,
    SessionInput,
    SessionKey,
    SessionName,
    SessionStats,
    meanings,
)

TAG = "Sessions"
SESSION = {200: Reply("The session.", ("ETag",))}


class SessionsQuery(QueryModel):
    """Which sessions to list."""

    status: Literal["active", "archived", "all"] = Field(default="active", description="Which ones.")
    channel: Channel | None = Field(default=None, description="Only of this channel.")
    tag: list[str] = Field(default=[], description="Only with this tag; repeatable.")
    pinned: Flag | None = Field(default=None, description="Only pinned ones, or only others.")
    name: SessionName | None = Field(
        default=None, description="Only with this text in the name; see *Texts are compared*."
    )
    limit: Annotated[int, Field(ge=1, le=100), WHOLE_NUMBER] = Field(default=20, description="How many at most.")
    cursor: Cursor = None


class NewestQuery(QueryModel):
    """How much of a session to read."""

    limit: Annotated[int, Field(ge=1, le=200), WHOLE_NUMBER] = Field(
        default=50, description="How many messages at most."
    )


class SessionList(Page):
    """Sessions, last activity first; a page may be short or empty while `has_more` is true."""

    data: Annotated[list[Session], PAGE]


class SessionWithMessages(Session):
    """A session with its newest messages, oldest of them first."""

    messages: Annotated[list[Message], meanings.MESSAGES]
    has_more: HasMore
    next_cursor: Annotated[
        str | None, Field(description="A `cursor` for the messages route, leading to older ones; null without.")
    ]


def _answer(session: Session, status: int = 200, **headers: str) -> Answer[Session]:
    return Answer(session, status, {"ETag": session.etag, **headers})


@Endpoint(
    tag=TAG,
    headers=(IDEMPOTENCY_KEY,),
    answers={
        200: Reply("The key was used for this session before; here it is.", ("ETag", "Location")),
        201: Reply("Created.", ("ETag", "Location")),
    },
    errors=(SessionExistsError, IdempotencyConflictError),
)
async def create(call: Call, body: SessionInput) -> Answer[Session]:
    """Create a session.

    Every field is optional. With an `id` of your own, or with an `Idempotency-Key`, the request is safe to repeat: an
    `id` that exists is a 409, a repeated key a 200 with what is stored.
    """
    session, created = await call.chat.create_session(call.owner, body, call.idempotency_key("POST /sessions"))
    return _answer(session, 201 if created else 200, Location=f"/api/chat/sessions/{session.id}")


@Endpoint(tag=TAG, answers={200: Reply("A page.")})
async def list_all(call: Call, query: SessionsQuery) -> Answer[SessionList]:
    """List sessions.

    The owner's sessions, last activity first.
    """
    wanted = SessionFilter(
        status=None if query.status == "all" else query.status,
        channel=query.channel,
        tags=sorted(set(query.tag)),
        pinned=query.pinned,
        name=query.name,
    )
    binding = (call.owner, "sessions", asked_for(wanted))
    after = decode_cursor(query.cursor, SessionKey, *binding) if query.cursor else None
    page = await call.store.list_sessions(call.owner, wanted, query.limit, after)
    next_cursor = encode_cursor(page.next_key, *binding) if page.next_key else None
    return Answer({"data": page.sessions, "has_more": page.has_more, "next_cursor": next_cursor})


@Endpoint(
    tag=TAG,
    headers=(IF_NONE_MATCH,),
    answers=SESSION | {304: Reply("Nothing has changed since that version.", ("ETag",))},
)
async def read(call: Call, query: NewestQuery) -> Answer[SessionWithMessages]:
    """Read a session with its newest messages.

    The session with its newest messages, oldest of them first. With `If-None-Match` an unchanged session is not sent
    again. `next_cursor` leads to older messages: send it as `cursor` to the messages of the session.
    """
    session, page = await call.store.read(call.owner, call.session_id, query.limit)
    if names(call.header("if-none-match"), session.etag):
        return Answer(None, 304, {"ETag": session.etag})
    body = SessionWithMessages(
        **session.__dict__,
        messages=page.messages[::-1],
        has_more=page.has_more,
        next_cursor=messages_cursor(call, call.session_id, page, order="desc"),
    )
    return Answer(body, 200, {"ETag": session.etag})


@Endpoint(tag=TAG, headers=(IF_MATCH,), answers=SESSION, errors=(PreconditionFailedError,))
async def change(call: Call, body: SessionChanges) -> Answer[Session]:
    """Change a session.

    Fields that are left out stay as they are. `is_active` archives or restores. With `If-Match` nothing is changed
    unless the session still has that version.
    """
    return _answer(await call.store.update(call.owner, call.session_id, body, await call.if_match(call.session_id)))


@Endpoint(tag=TAG, headers=(IF_MATCH,), answers={204: Reply("Deleted.")}, errors=(PreconditionFailedError,))
async def delete(call: Call) -> Answer[None]:
    """Delete a session.

    The session and every message of it, for good. Deleting it again is a 404.
    """
    await call.store.delete(call.owner, call.session_id, await call.if_match(call.session_id))
    return Answer(None, 204)


@Endpoint(tag=TAG, headers=(IF_MATCH,), answers=SESSION, errors=(PreconditionFailedError,))
async def archive(call: Call, body: Nothing) -> Answer[Session]:  # noqa: ARG001 - it has to be empty
    """Archive a session.

    It leaves the default list and takes no messages; everything else goes on. Repeating is harmless.
    """
    return await _set_active(call, is_active=False)


@Endpoint(tag=TAG, headers=(IF_MATCH,), answers=SESSION, errors=(PreconditionFailedError,))
async def restore(call: Call, body: Nothing) -> Answer[Session]:  # noqa: ARG001 - it has to be empty
    """Restore a session.

    It takes messages again, with its own time to live. Repeating is harmless.
    """
    return await _set_active(call, is_active=True)


async def _set_active(call: Call, *, is_active: bool) -> Answer[Session]:
    changes = SessionChanges(is_active=is_active)
    return _answer(await call.store.update(call.owner, call.session_id, changes, await call.if_match(call.session_id)))


@Endpoint(tag=TAG, answers={201: Reply("The new session.", ("ETag", "Location"))})
async def fork(call: Call, body: ForkInput) -> Answer[Session]:
    """Fork a session.

    A new active session with the name, channel, context, tags and messages of this one, up to and with `after_seq`;
    they keep their ids and times and are numbered from 1. Feedback is not copied: it belongs to the message it was
    given to, and statistics count it once.
    """
    forked = await call.chat.fork(call.owner, call.session_id, body.after_seq)
    return _answer(forked, 201, Location=f"/api/chat/sessions/{forked.id}")


@Endpoint(tag=TAG, answers={200: Reply("The counts.")})
async def stats(call: Call) -> Answer[SessionStats]:
    """Count a session's messages.

    Counts of the messages that the session has.
    """
    return Answer(await call.store.stats(call.owner, call.session_id))
