"""Handlers for messages."""

from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from shared.chat_completions import for_model
from shared.http.boundary import Answer, reads_query
from shared.http.call import Call
from shared.http.cursors import decode_cursor, encode_cursor
from shared.http.problems import BadRequestError
from shared.models import (
    MAX_SEQ,
    Appended,
    JsonObject,
    Message,
    MessageBatch,
    MessageChanges,
    MessageInput,
    MessagePage,
    MessageQuery,
    Model,
    Role,
    Seq,
    SessionTarget,
)

Order = Literal["asc", "desc"]
ORDERS: tuple[Order, ...] = ("asc", "desc")


class _Place(Model):
    """Where a cursor leads on: behind `seq`, as far as `until`, in the order and with the role it began with."""

    order: Order
    seq: Seq
    until: Seq | None = None
    role: Role | None = None
    page: Annotated[int, Field(ge=0)] | None = None


class _Reading(NamedTuple):
    query: MessageQuery
    oldest_first: bool


async def append(call: Call) -> Answer:
    """Append one message or up to 20 to a session."""
    owner, session_id = call.owner, call.session_id
    appended = await call.chat.append(
        owner, session_id, _messages_in(call.required_body()), call.idempotency_key("append")
    )
    return appended_answer(session_id, appended)


async def append_anywhere(call: Call) -> Answer:
    """Append to the session named in the body, or to a new one."""
    owner, body = call.owner, call.required_body()
    target = SessionTarget.model_validate({name: body[name] for name in SessionTarget.model_fields if name in body})
    rest = {name: value for name, value in body.items() if name not in SessionTarget.model_fields}
    session_id, appended = await call.chat.append_anywhere(
        owner, target, _messages_in(rest), call.idempotency_key("POST /messages")
    )
    return appended_answer(session_id, appended)


def _messages_in(body: JsonObject) -> list[MessageInput]:
    if body.get("messages") is not None:
        return MessageBatch.model_validate(body).messages
    return [MessageInput.model_validate({name: value for name, value in body.items() if name != "messages"})]


def appended_answer(session_id: str, appended: Appended) -> Answer:
    """Answer an append with what is stored, and how much there is."""
    body = {
        "session_id": session_id,
        "messages": appended.messages,
        "message_count": appended.message_count,
    }
    return Answer(body, 201 if appended.created else 200)


async def list_all(call: Call) -> Answer:
    """Return messages of a session, page by page, in either order."""
    owner, session_id = call.owner, call.session_id
    as_openai = call.query.choice("format", ("json", "openai")) == "openai"
    reading = _reading(call)
    page = await call.chat.store.read_messages(owner, session_id, reading.query)
    cursor = messages_cursor(call, page, reading.query.order, reading.query)
    if as_openai:
        found = page.messages if reading.query.order == "asc" else page.messages[::-1]
        written = for_model(found)
        headers = {"x-next-cursor": cursor} if cursor else {}
        return Answer(written.messages, 200, headers | left_out_header(written.left_out))
    found = page.messages[::-1] if reading.oldest_first else page.messages
    return Answer({"data": found, "has_more": page.has_more, "next_cursor": cursor})


def left_out_header(count: int) -> dict[str, str]:
    """Return the header that says how many messages are not there for a model, or not whole; none for none."""
    return {"x-left-out": str(count)} if count else {}


async def read(call: Call) -> Answer:
    """Return one message."""
    return Answer(await call.chat.store.get_message(call.owner, call.session_id, call.message_id))


async def change(call: Call) -> Answer:
    """Set a message's metadata or feedback."""
    owner, session_id, message_id = call.owner, call.session_id, call.message_id
    changes = MessageChanges.model_validate(call.body)
    if changes.model_fields_set:
        changed = await call.chat.store.edit_message(owner, session_id, message_id, changes.apply)
    else:
        changed = await call.chat.store.get_message(owner, session_id, message_id)
    return Answer(changed)


async def redact(call: Call) -> Answer:
    """Take away what a message says; its place and its role stay."""
    await call.chat.store.edit_message(call.owner, call.session_id, call.message_id, Message.redacted)
    return Answer(None, 204)


@reads_query("after")
async def clear(call: Call) -> Answer:
    """Remove every message of a session, or with `after` only what is newer, and keep the session."""
    owner, session_id = call.owner, call.session_id
    after = call.query.number("after", 0, MAX_SEQ)
    if after is None and "after" in call.query:
        message = "after is empty; leave it out to remove every message."
        raise BadRequestError(message)
    if after is None:
        await call.chat.store.clear(owner, session_id)
    else:
        await call.chat.store.rewind(owner, session_id, after)
    return Answer(None, 204)


def messages_cursor(call: Call, page: MessagePage, order: Order, query: MessageQuery | None = None) -> str | None:
    """Return the cursor behind a page of messages, None at the end."""
    if page.next_seq is None:
        return None
    until = (query.before if order == "asc" else query.after) if query else None
    place = _Place(order=order, seq=page.next_seq, until=until, role=query.role if query else None, page=page.page_hint)
    return encode_cursor(place, call.owner, "messages", call.session_id)


def _reading(call: Call) -> _Reading:
    """Read the query: the newest few, or behind a cursor, or between two seqs; nothing of that together."""
    query = call.query
    limit, last = query.number("limit", 1, 200), query.number("last", 1, 200)
    order, role, cursor = query.choice("order", ORDERS), query.role(), query.one("cursor")
    before, after = query.number("before", 0, MAX_SEQ), query.number("after", 0, MAX_SEQ)
    bounds = [bound for bound in (before, after) if bound is not None]
    if last is not None:
        _refuse_together("last", limit, order, cursor, *bounds)
        return _Reading(MessageQuery(limit=last, role=role), oldest_first=True)
    if cursor is not None:
        _refuse_together("cursor", *bounds)
        place = decode_cursor(cursor, _Place, call.owner, "messages", call.session_id)
        if (order or place.order) != place.order or (role or place.role) != place.role:
            _refuse_together("cursor", order, role)
        return _Reading(_behind(place, limit or 50), oldest_first=False)
    wanted = MessageQuery(limit=limit or 50, order=order or "desc", before=before, after=after, role=role)
    return _Reading(wanted, oldest_first=False)


def _behind(place: _Place, limit: int) -> MessageQuery:
    before, after = (place.until, place.seq) if place.order == "asc" else (place.seq, place.until)
    return MessageQuery(
        limit=limit, order=place.order, before=before, after=after, role=place.role, page_hint=place.page
    )


def _refuse_together(name: str, *others: object) -> None:
    if any(other is not None for other in others):
        message = f"{name} cannot be combined with the other parameters given."
        raise BadRequestError(message)
