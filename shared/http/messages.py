"""Handlers for messages."""

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

from pydantic import Field
from typing_extensions import TypedDict  # pydantic asks for this one before Python 3.12

from shared.chat_completions import OpenAIMessage, for_model
from shared.errors import (
    IdempotencyConflictError,
    MessageConflictError,
    PreconditionFailedError,
    SessionArchivedError,
)
from shared.http.answers import PAGE, Page
from shared.http.call import Answer, Call
from shared.http.cursors import decode_cursor, encode_cursor
from shared.http.endpoint import Endpoint, Reply
from shared.http.parameters import IDEMPOTENCY_KEY, IF_MATCH
from shared.http.problems import BadRequestError
from shared.http.query import WHOLE_NUMBER, Cursor, QueryModel
from shared.models import (
    AnyRole,
    Appended,
    Edited,
    Message,
    MessageBatch,
    MessageChanges,
    MessageFields,
    MessageInput,
    MessagePage,
    MessageQuery,
    MessageTail,
    Model,
    Role,
    Seq,
    SessionTarget,
    meanings,
)

Order = Literal["asc", "desc"]
TAG = "Messages"
MESSAGE = {200: Reply("The message.")}
EDITED = {200: Reply("The message; `ETag` is its session's.", ("ETag",))}
APPENDED = {
    200: Reply("All of it was stored before; nothing was added.", ("ETag",)),
    201: Reply("Stored; `ETag` is the session's new one.", ("ETag",)),
}
CHANGING_ERRORS = (PreconditionFailedError,)
APPENDING_ERRORS = (SessionArchivedError, MessageConflictError, IdempotencyConflictError)
RECOGNISED = (
    "Ids are recognised among at least the newest 100 messages of the session, and among all of its newest append. "
    "With `If-Match` nothing but a full repeat is stored unless the session still has that version."
)
FOR_MODELS = (
    "`openai` is what a chat completions API takes, `content` always a text or a list: an answer of a tool only after "
    "its call, a call only with its answer directly after it, calls and answers of other frameworks as that API writes "
    "them (a turn in one message becomes several, calls made one after another become one message's), `name` only "
    "where it fits `[A-Za-z0-9_-]{1,64}`, pictures of users as `image_url`, other parts with a text as text. Left out "
    "are redacted messages, calls and answers that the page, a filter, a fork, a rewind or a redaction has parted, a "
    "second answer to one call, calls without an id, a name or arguments, thoughts, parts without a text, and messages "
    "that say nothing without what they have lost; `x-left-out` counts the messages that are missing or not whole."
)


class MessagesQuery(QueryModel):
    """Which messages to list."""

    limit: Annotated[int, Field(ge=1, le=200), WHOLE_NUMBER] = Field(default=50, description="How many at most.")
    order: Order = Field(default="desc", description="Oldest or newest first.")
    before: Annotated[Seq, WHOLE_NUMBER] | None = Field(default=None, description="Only messages with a smaller `seq`.")
    after: Annotated[Seq, WHOLE_NUMBER] | None = Field(default=None, description="Only messages with a larger `seq`.")
    role: AnyRole | None = Field(default=None, description="Only of this role.")
    last: Annotated[int, Field(ge=1, le=200), WHOLE_NUMBER] | None = Field(
        default=None, description="The newest few, oldest of them first."
    )
    cursor: Cursor = None
    format: Literal["json", "openai"] = Field(
        default="json", description="`openai`: a bare array, oldest first, ready to send to a model."
    )

    def refuse_together(self, name: str, *others: str) -> None:
        """Raise BadRequestError where one of these is given beside a parameter."""
        if not self.model_fields_set.isdisjoint(others):
            message = f"{name} cannot be combined with the other parameters given."
            raise BadRequestError(message)


class ClearQuery(QueryModel):
    """How much to remove."""

    after: Annotated[Seq, WHOLE_NUMBER] | None = Field(default=None, description="Keep the messages up to this `seq`.")


class TailQuery(QueryModel):
    """Where to begin."""

    after: Annotated[Seq, WHOLE_NUMBER] = Field(description="Keep the messages up to this `seq`; 0 keeps none.")


class MessageAnywhere(MessageInput, SessionTarget):
    """One message, and the session it goes to."""


class MessagesAnywhere(MessageBatch, SessionTarget):
    """Up to 200 messages, and the session they go to."""


class MessageList(Page):
    """Messages in the order asked for."""

    data: Annotated[list[Message], PAGE]


class AppendedMessages(TypedDict):
    """The messages as they are stored, and how many the session has now."""

    session_id: Annotated[str, meanings.SESSION]
    messages: Annotated[list[Message], meanings.MESSAGES]
    message_count: Annotated[int, meanings.MESSAGE_COUNT]


class _Place(Model):
    """Where a cursor leads on: after `seq`, as far as `until`, in the order and with the role it began with."""

    order: Order
    seq: Seq
    until: Seq | None = None
    role: Role | None = None
    page: Annotated[int, Field(ge=0)] | None = None


class _Reading(NamedTuple):
    query: MessageQuery
    oldest_first: bool


@Endpoint(
    tag=TAG,
    headers=(IDEMPOTENCY_KEY, IF_MATCH),
    answers=APPENDED,
    errors=(*APPENDING_ERRORS, *CHANGING_ERRORS),
    notes=RECOGNISED,
)
async def append(call: Call, body: MessageInput | MessageBatch) -> Answer[AppendedMessages]:
    """Append messages.

    One message as the body itself, or 1 to 200 as `messages`. All or none; what is stored already is a 200. With
    message ids of your own, or with an `Idempotency-Key`, the request is safe to repeat.
    """
    key = call.idempotency_key("append")
    if_match = await call.if_match(call.session_id)
    appended = await call.chat.append(call.owner, call.session_id, _messages_in(body), key, if_match=if_match)
    return appended_answer(call.session_id, appended)


@Endpoint(
    tag=TAG,
    headers=(IF_MATCH,),
    answers={
        200: Reply("It was so already, or nothing was to follow.", ("ETag",)),
        201: APPENDED[201],
    },
    errors=(SessionArchivedError, MessageConflictError, *CHANGING_ERRORS),
)
async def replace_tail(call: Call, query: TailQuery, body: MessageTail) -> Answer[AppendedMessages]:
    """Replace the end of a session.

    What follows `after` becomes exactly these 0 to 200 messages, in one step: readers see the old end or the new one.
    They are numbered on from there, as after a rewind: beyond the newest message they are appended, and before the
    first kept one they replace everything. What was there is gone with its feedback. Where the session ends with
    exactly these messages already nothing is written, so with message ids of your own the request is safe to repeat;
    an id that is among the kept messages, too, is a 409. A longer end: its first 200 so, the rest by appends.
    """
    if_match = await call.if_match(call.session_id)
    appended = await call.chat.replace_tail(call.owner, call.session_id, query.after, body.messages, if_match=if_match)
    return appended_answer(call.session_id, appended)


@Endpoint(
    tag=TAG,
    headers=(IDEMPOTENCY_KEY, IF_MATCH),
    answers=APPENDED,
    errors=(*APPENDING_ERRORS, *CHANGING_ERRORS),
    notes=f"{RECOGNISED} A session that is not there has none: then it is a 412, too.",
)
async def append_anywhere(call: Call, body: MessageAnywhere | MessagesAnywhere) -> Answer[AppendedMessages]:
    """Append messages to a session that is made if need be.

    The same without a session: one is made unless `session_id` names one the owner has; for that one `channel` and
    `session_name` are ignored. All or none; what is stored already is a 200. With an `Idempotency-Key`, or with a
    `session_id` and message ids of your own, the request is safe to repeat; otherwise every repeat makes a session.
    """
    key = call.idempotency_key("POST /messages")
    if_match = await call.if_match_of_any(body.session_id)
    session_id, appended = await call.chat.append_anywhere(call.owner, body, _messages_in(body), key, if_match=if_match)
    return appended_answer(session_id, appended)


def _messages_in(body: MessageInput | MessageBatch) -> Sequence[MessageInput]:
    return body.messages if isinstance(body, MessageBatch) else [body]


def appended_answer(session_id: str, appended: Appended) -> Answer[AppendedMessages]:
    """Answer an append with what is stored, and how much there is."""
    return Answer(
        {"session_id": session_id, "messages": appended.messages, "message_count": appended.message_count},
        201 if appended.created else 200,
        {"ETag": appended.etag},
    )


@Endpoint(
    tag=TAG,
    answers={
        200: Reply(
            "A page; with `format=openai` a bare array, and the cursor in `x-next-cursor`.",
            ("x-next-cursor", "x-left-out"),
        )
    },
    notes=FOR_MODELS,
)
async def list_all(call: Call, query: MessagesQuery) -> Answer[MessageList | list[OpenAIMessage]]:
    """Page through messages.

    Page through the messages in either order. `cursor` keeps the order and the filters it began with; `before` and
    `after` bound the page by `seq`; `last` is the newest few, oldest first, alone or with `role` and `format`. Anything
    else together is a 400. To follow a session, poll with `after=SEQ&order=asc`.
    """
    reading = _reading(call, query)
    page = await call.store.read_messages(call.owner, call.session_id, reading.query)
    cursor = messages_cursor(call, call.session_id, page, reading.query.order, reading.query)
    if query.format == "openai":
        written = for_model(page.messages if reading.query.order == "asc" else page.messages[::-1])
        headers = {"x-next-cursor": cursor} if cursor else {}
        return Answer(written.messages, 200, headers | left_out_header(written.left_out))
    found = page.messages[::-1] if reading.oldest_first else page.messages
    return Answer({"data": found, "has_more": page.has_more, "next_cursor": cursor})


def left_out_header(count: int) -> dict[str, str]:
    """Return the header that says how many messages are not there for a model, or not whole; none for none."""
    return {"x-left-out": str(count)} if count else {}


@Endpoint(tag=TAG, answers=MESSAGE)
async def read(call: Call) -> Answer[Message]:
    """Read a message.

    One message, wherever in its session it is.
    """
    return Answer(await call.store.get_message(call.owner, call.session_id, call.message_id))


@Endpoint(tag=TAG, headers=(IF_MATCH,), answers=EDITED, errors=CHANGING_ERRORS)
async def change(call: Call, body: MessageChanges) -> Answer[Message]:
    """Give a message feedback or metadata.

    Set `feedback` or `metadata`, each replaced whole; a redacted message stays marked as such.
    """
    if_match = await call.if_match(call.session_id)
    if body.model_fields_set:
        return _edited_answer(
            await call.store.edit_message(call.owner, call.session_id, call.message_id, body.apply, if_match)
        )
    message = await call.store.get_message(call.owner, call.session_id, call.message_id)
    session = await call.store.get(call.owner, call.session_id)
    if if_match not in {None, session.etag}:
        raise PreconditionFailedError
    return _edited_answer(Edited(message=message, etag=session.etag))


@Endpoint(tag=TAG, headers=(IF_MATCH,), answers=EDITED, errors=CHANGING_ERRORS)
async def replace(call: Call, body: MessageFields) -> Answer[Message]:
    """Put another message in the place of one.

    A message that grew, or was edited: `id`, `seq`, `created_at` and `feedback` stay, `edited_at` says when it was, and
    everything else is as it is sent.
    """
    if_match = await call.if_match(call.session_id)
    return _edited_answer(
        await call.chat.replace_message(call.owner, call.session_id, call.message_id, body, if_match=if_match)
    )


def _edited_answer(edited: Edited) -> Answer[Message]:
    return Answer(edited.message, headers={"ETag": edited.etag})


@Endpoint(tag=TAG, headers=(IF_MATCH,), answers={204: Reply("Redacted.")}, errors=CHANGING_ERRORS)
async def redact(call: Call) -> Answer[None]:
    """Redact a message.

    Take away what the message says: content, name, persona, files, calls, `raw` and feedback; its `metadata` becomes
    `{redacted: true}`, its `seq` and `role` stay.
    """
    if_match = await call.if_match(call.session_id)
    await call.store.edit_message(call.owner, call.session_id, call.message_id, Message.redacted, if_match)
    return Answer(None, 204)


@Endpoint(tag=TAG, headers=(IF_MATCH,), answers={204: Reply("Removed.")}, errors=CHANGING_ERRORS)
async def clear(call: Call, query: ClearQuery) -> Answer[None]:
    """Clear or rewind a session.

    Remove every message and keep the session; numbers go on. With `after` remove only what is newer, which frees its
    numbers; beyond the end that is nothing.
    """
    if_match = await call.if_match(call.session_id)
    if query.after is None:
        await call.store.clear(call.owner, call.session_id, if_match)
    else:
        await call.store.rewind(call.owner, call.session_id, query.after, if_match)
    return Answer(None, 204)


def messages_cursor(
    call: Call, session_id: str, page: MessagePage, order: Order, query: MessageQuery | None = None
) -> str | None:
    """Return the cursor after a page of a session's messages, None at the end."""
    if page.next_seq is None:
        return None
    until = (query.before if order == "asc" else query.after) if query else None
    place = _Place(order=order, seq=page.next_seq, until=until, role=query.role if query else None, page=page.page_hint)
    return encode_cursor(place, call.owner, "messages", session_id)


def _reading(call: Call, query: MessagesQuery) -> _Reading:
    """Read the query: the newest few, or after a cursor, or between two seqs; nothing of that together."""
    if query.last is not None:
        query.refuse_together("last", "limit", "order", "cursor", "before", "after")
        return _Reading(MessageQuery(limit=query.last, role=query.role), oldest_first=True)
    if query.cursor is not None:
        query.refuse_together("cursor", "before", "after")
        place = decode_cursor(query.cursor, _Place, call.owner, "messages", call.session_id)
        if ("order" in query.model_fields_set and query.order != place.order) or (
            query.role or place.role
        ) != place.role:
            query.refuse_together("cursor", "order", "role")
        return _Reading(_after(place, query.limit), oldest_first=False)
    wanted = MessageQuery(limit=query.limit, order=query.order, before=query.before, after=query.after, role=query.role)
    return _Reading(wanted, oldest_first=False)


def _after(place: _Place, limit: int) -> MessageQuery:
    before, after = (place.until, place.seq) if place.order == "asc" else (place.seq, place.until)
    return MessageQuery(
        limit=limit, order=place.order, before=before, after=after, role=place.role, page_hint=place.page
    )
