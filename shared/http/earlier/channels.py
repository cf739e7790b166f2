"""`unified/…-chat`: the scriptwriter's and the scene writer's chats, which are forgotten after a day."""

from contextlib import suppress
from datetime import timedelta
from typing import NamedTuple

from pydantic import ConfigDict, StrictStr

from shared.earlier_ids import session_id_beside, session_id_for
from shared.errors import SessionNotFoundError
from shared.http.boundary import Answer
from shared.http.call import Call
from shared.http.earlier.asking import path_value, speaking_as_before
from shared.http.earlier.turns import take_turn
from shared.models import Label, MessageInput, Model, SessionTarget, utc_now

CHANNELS = ("scriptwriter", "scene-writer")
KEPT_SECONDS = 86_400  # whatever the settings say
MOST_MESSAGES, USUAL_MESSAGES = 200, 10


class ChannelNotFoundError(SessionNotFoundError):
    """There are chats of the channels scriptwriter and scene-writer here, and of no other."""


class ChannelMessage(Model):
    """What a user says, the id of the chat as the client knows it, and what channel of theirs it is about."""

    model_config = ConfigDict(extra="forbid")

    message: StrictStr
    session_id: StrictStr | None = None
    channel_id: Label | None = None


class _Place(NamedTuple):
    """Where a chat is, or would be made."""

    session_id: str
    is_there: bool


@speaking_as_before
async def say(call: Call) -> Answer:
    """Store what a user says in the channel's chat of that id, or in a new one."""
    channel = _channel(call)
    said = ChannelMessage.model_validate(call.required_body())
    session_id = (await _place(call, channel, said.session_id)).session_id if said.session_id else None
    metadata = {} if said.channel_id is None else {"channel_id": said.channel_id}
    message = MessageInput(role="user", content=said.message, metadata=metadata)
    target = SessionTarget(session_id=session_id, channel=channel)
    turn = await take_turn(call.chat, call.owner, target, message, ttl_seconds=KEPT_SECONDS)
    return Answer({"success": True, "result": turn.reply, "session_id": turn.session_id})


@speaking_as_before
async def read(call: Call) -> Answer:
    """Return the newest messages of a channel's chat that are less than a day old, oldest first."""
    channel = _channel(call)
    limit = call.query.number("limit", 1, MOST_MESSAGES) or USUAL_MESSAGES
    place = await _place(call, channel, path_value(call, "session_id"))
    if not place.is_there:
        raise SessionNotFoundError
    _session, page = await call.chat.store.read(call.owner, place.session_id, limit)
    since = utc_now() - timedelta(seconds=KEPT_SECONDS)
    shown = [
        message.model_dump(mode="json", include={"role", "content", "created_at"})
        for message in reversed(page.messages)
        if message.created_at > since
    ]
    body = {"success": True, "session_id": place.session_id, "message_count": len(shown), "messages": shown}
    return Answer(body)


@speaking_as_before
async def clear(call: Call) -> Answer:
    """Delete a channel's chat; it is fine if there is none."""
    channel = _channel(call)
    with suppress(SessionNotFoundError):
        place = await _place(call, channel, path_value(call, "session_id"))
        if place.is_there:
            await call.chat.store.delete(call.owner, place.session_id)
    return Answer({"success": True, "message": "Chat history cleared"})


def _channel(call: Call) -> str:
    channel = path_value(call, "channel")
    if channel not in CHANNELS:
        raise ChannelNotFoundError
    return channel


async def _place(call: Call, channel: str, named: str) -> _Place:
    """Return where a channel's chat of this id is, or would be made.

    The earlier system kept each channel apart, so one id could be used in both; where another channel
    has it, `<id>.<channel>` takes its place, here as in an import. Raises SessionNotFoundError where
    that belongs to another channel, too.
    """
    free = None
    for session_id in (session_id_for(named), session_id_beside(named, channel)):
        used_by = await _channel_of(call, session_id)
        if used_by == channel:
            return _Place(session_id, is_there=True)
        free = session_id if used_by is None and free is None else free
    if free is None:
        raise SessionNotFoundError
    return _Place(free, is_there=False)


async def _channel_of(call: Call, session_id: str) -> str | None:
    with suppress(SessionNotFoundError):
        return (await call.chat.store.get(call.owner, session_id)).channel
    return None
