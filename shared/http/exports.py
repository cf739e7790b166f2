"""Handlers that hand over a session, or everything an owner has, in answers of a bounded size."""

from collections.abc import AsyncIterator
from contextlib import suppress
from time import monotonic
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from shared.chat_completions import OpenAIMessage
from shared.errors import SessionNotFoundError
from shared.http.call import Answer, Call
from shared.http.cursors import decode_cursor, encode_cursor
from shared.http.endpoint import Endpoint, Reply
from shared.http.messages import FOR_MODELS, left_out_header
from shared.http.query import Cursor, QueryModel
from shared.http.renderings import Lines, Rendering, rendering_of
from shared.http.sessions import SessionWithMessages
from shared.models import MAX_SEQ, Message, MessageQuery, Model, Session

MAX_BYTES = 8_000_000  # of messages; with what is around them an answer has at most 8 MiB
SECONDS = 20.0  # spent on one answer; after that it is sent as it is, with a cursor
SESSIONS_AT_ONCE = 100
MESSAGES_AT_ONCE = 200


class ExportQuery(QueryModel):
    """How to hand over a session, and where to go on."""

    format: Literal["json", "ndjson", "markdown", "openai"] = Field(default="json", description="How to write it.")
    cursor: Cursor = None


class OwnerExportQuery(QueryModel):
    """Where to go on."""

    cursor: Cursor = None


class _Place(Model):
    """Where an export goes on: after that message of that session."""

    session_id: str = ""
    seq: Annotated[int, Field(ge=0, le=MAX_SEQ)] = 0
    begun: bool = False


class _Budget:
    """What one answer may hold, in bytes and in time; there is always room for something."""

    def __init__(self) -> None:
        self._taken = 0
        self._deadline = monotonic() + SECONDS

    def take(self, *texts: str) -> bool:
        """Take texts if there is room for all of them."""
        size = sum(len(text.encode()) for text in texts)
        if self._taken and (self._taken + size > MAX_BYTES or monotonic() > self._deadline):
            return False
        self._taken += size
        return True


class _Part(NamedTuple):
    """What one answer holds of a session, how much of it was left out, and where to go on; None at the end."""

    texts: list[str]
    left_out: int
    seq: int | None


@Endpoint(
    tag="Sessions",
    answers={
        200: Reply(
            "The session, or the next part of it.",
            ("Content-Disposition", "x-next-cursor", "x-left-out"),
            texts=("application/x-ndjson", "text/markdown"),
            model=SessionWithMessages | list[OpenAIMessage],
        )
    },
    notes=FOR_MODELS,
)
async def export_session(call: Call, query: ExportQuery) -> Answer[bytes]:
    """Export a session.

    The whole session, archived or not. An answer holds up to 8 MiB; where there is more, `x-next-cursor` leads on: send
    it as `cursor`, with the same `format`. An answer never ends between a call and its answers. `ndjson` has a line for
    the session and one for each message. `markdown` is for people: what was said is in block quotes and names are plain
    text, so that nobody can write another speaker's line.
    """
    session_id = call.session_id
    binding = (call.owner, "export", session_id, query.format)
    place = _place(query.cursor, *binding)
    session = await call.store.get(call.owner, session_id)
    rendering = rendering_of(query.format, session_id)
    part = await _part(call, session, rendering, place.seq, _Budget())
    cursor = None if part.seq is None else encode_cursor(_Place(seq=part.seq, begun=True), *binding)
    body = rendering.document(session, part.texts, cursor, first=not place.begun)
    name = f"{session_id}.{rendering.extension}"
    return _attached(body, name, rendering.media_type, cursor, left_out=part.left_out)


@Endpoint(
    tag="Owner",
    answers={
        200: Reply(
            "The lines, or the next part of them.",
            ("Content-Disposition", "x-next-cursor"),
            texts=("application/x-ndjson",),
        )
    },
)
async def export_owner(call: Call, query: OwnerExportQuery) -> Answer[bytes]:
    """Export everything the owner has.

    Everything the owner has, as lines of JSON: `{type: session, …}`, then its messages as
    `{type: message, session_id, …}`. An answer holds up to 8 MiB; `x-next-cursor` leads on as `cursor`.
    """
    binding = (call.owner, "export")
    place, budget = _place(query.cursor, *binding), _Budget()
    parts: list[str] = []
    async for session in _sessions(call, place):
        rendering = Lines(session.id)
        begun = place.begun and session.id == place.session_id
        opening = "" if begun else rendering.document(session, [], None, first=True)
        if fits := budget.take(opening):
            texts, _, seq = await _part(call, session, rendering, place.seq if begun else 0, budget)
            parts += [opening, *texts]
            place = _Place(session_id=session.id, seq=seq or MAX_SEQ, begun=True)
        if not fits or seq is not None:
            return _attached("".join(parts), "parley.ndjson", Lines.media_type, encode_cursor(place, *binding))
    return _attached("".join(parts), "parley.ndjson", Lines.media_type, None)


def _place(cursor: str | None, *binding: object) -> _Place:
    return decode_cursor(cursor, _Place, *binding) if cursor else _Place()


async def _sessions(call: Call, place: _Place) -> AsyncIterator[Session]:
    """Yield the session that an answer ended in, if it is still there, and those after it."""
    store = call.store
    if place.begun and place.seq < MAX_SEQ:
        with suppress(SessionNotFoundError):
            yield await store.get(call.owner, place.session_id)
    after = place.session_id
    while sessions := await store.walk_sessions(call.owner, SESSIONS_AT_ONCE, after):
        for session in sessions:
            yield session
        after = sessions[-1].id


async def _part(call: Call, session: Session, rendering: Rendering, after: int, budget: _Budget) -> _Part:
    """Write messages after the seq `after` as far as the budget reaches."""
    texts: list[str] = []
    left_out = 0
    async for group in rendering.groups(_messages(call, session, after)):
        rendered = rendering.group(group)
        if not budget.take(*rendered.texts):
            return _Part(texts, left_out, after)
        texts += rendered.texts
        left_out += rendered.left_out
        after = group[-1].seq
    return _Part(texts, left_out, None)


async def _messages(call: Call, session: Session, after: int) -> AsyncIterator[Message]:
    """Yield a session's messages after the seq `after`; nothing more when it is gone meanwhile."""
    whole = MessageQuery(limit=MESSAGES_AT_ONCE, order="asc", after=after)
    query = whole if session.message_count else None
    while query:
        try:
            page = await call.store.read_messages(session.user_id, session.id, query)
        except SessionNotFoundError:
            return
        for message in page.messages:
            yield message
        query = query.after_page(page)


def _attached(body: str, name: str, media_type: str, cursor: str | None, *, left_out: int = 0) -> Answer[bytes]:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', **left_out_header(left_out)}
    return Answer(body.encode(), 200, headers | ({"x-next-cursor": cursor} if cursor else {}), media_type)
