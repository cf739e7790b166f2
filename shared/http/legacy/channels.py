"""`unified/…-chat`: the scriptwriter's and the scene writer's chats, which are forgotten after a day."""

from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Literal, NamedTuple

from pydantic import ConfigDict, Field, StrictStr
from typing_extensions import TypedDict  # pydantic asks for this one before Python 3.12

from shared.errors import SessionArchivedError, SessionNotFoundError
from shared.http.answers import Time
from shared.http.call import Answer, Call
from shared.http.endpoint import Reply
from shared.http.legacy.asking import MADE, NO_REPLY, NOBODY, SESSION_ID, LegacyEndpoint, unslashed
from shared.http.legacy.turns import REPLY, SUCCESS, take_turn
from shared.http.parameters import PathParameter
from shared.http.query import WHOLE_NUMBER, QueryModel
from shared.legacy_ids import CHANNELS, DAY_SECONDS, session_id_beside, session_id_for
from shared.models import JsonObject, Label, MessageInput, Model, Role, SessionTarget, format_time, meanings, utc_now


class ChannelNotFoundError(SessionNotFoundError):
    """There are chats of the channels scriptwriter and scene-writer here, and of no other."""


class ChannelMessage(Model):
    """What a user says, the id of the chat as the client knows it, and what channel of theirs it is about."""

    model_config = ConfigDict(extra="forbid")

    message: StrictStr = Field(description="The message.")
    session_id: Annotated[StrictStr | None, meanings.SESSION] = None
    channel_id: Label | None = Field(
        default=None, description="Which channel of the user's it is about; kept in the message's `metadata`."
    )


class ChannelTurn(TypedDict):
    """What came of a user's words."""

    success: Annotated[Literal[True], SUCCESS]
    result: Annotated[str | None, REPLY]
    session_id: Annotated[str, meanings.SESSION]


class ChannelEntry(TypedDict):
    """A message."""

    role: Annotated[Role, meanings.ROLE]
    content: Annotated[str | list[JsonObject], meanings.CONTENT]
    created_at: Annotated[Time, meanings.CREATED_AT]


class ChannelChat(TypedDict):
    """The newest messages of a chat, oldest of them first; `message_count` is how many these are."""

    success: Annotated[Literal[True], SUCCESS]
    session_id: Annotated[str, meanings.SESSION]
    message_count: Annotated[int, meanings.MESSAGE_COUNT]
    messages: Annotated[list[ChannelEntry], meanings.MESSAGES]


class ChannelCleared(TypedDict):
    """The chat is gone."""

    success: Annotated[Literal[True], SUCCESS]
    message: Annotated[str, Field(description="The message.")]


class ChatQuery(QueryModel):
    """How much of a chat to read."""

    limit: Annotated[int, Field(ge=1, le=200), WHOLE_NUMBER] = Field(
        default=10, description="How many messages at most."
    )


class _Place(NamedTuple):
    """Where a chat is, or would be made."""

    session_id: str
    is_there: bool


def _channel(value: str) -> str:
    channel = unslashed(value)
    if channel not in CHANNELS:
        raise ChannelNotFoundError
    return channel


CHANNEL = PathParameter(
    "Whose chat it is; there are no others here.",
    CHANNELS[0],
    {"type": "string", "enum": [*CHANNELS]},
    error=ChannelNotFoundError,
    read=_channel,
)


@LegacyEndpoint(
    path={"channel": CHANNEL},
    answers={200: Reply("Stored.")},
    errors=(SessionArchivedError,),
    notes=(
        f"{NO_REPLY} {MADE} One that another channel has already gets `.<channel>` behind it. "
        f"A chat that is made here is gone a day after the last message. {NOBODY}"
    ),
    waits_for_model=True,
)
async def say(call: Call, body: ChannelMessage) -> Answer[ChannelTurn]:
    """Say something in a channel's chat."""
    channel = call.path["channel"]
    session_id = (await _place(call, channel, body.session_id)).session_id if body.session_id else None
    metadata = {} if body.channel_id is None else {"channel_id": body.channel_id}
    message = MessageInput(role="user", content=body.message, metadata=metadata)
    target = SessionTarget(session_id=session_id, channel=channel)
    turn = await take_turn(call.chat, call.owner, target, message, ttl_seconds=DAY_SECONDS)
    return Answer({"success": True, "result": turn.reply, "session_id": turn.session_id})


@LegacyEndpoint(path={"session_id": SESSION_ID, "channel": CHANNEL}, answers={200: Reply("They are.")}, notes=NOBODY)
async def read(call: Call, query: ChatQuery) -> Answer[ChannelChat]:
    """Read a channel's chat.

    The newest messages of a channel's chat; none that is older than 24 hours.
    """
    place = await _place(call, call.path["channel"], call.session_id)
    if not place.is_there:
        raise SessionNotFoundError
    _session, page = await call.store.read(call.owner, place.session_id, query.limit)
    since = utc_now() - timedelta(seconds=DAY_SECONDS)
    shown: list[ChannelEntry] = [
        {"role": message.role, "content": message.content, "created_at": format_time(message.created_at)}
        for message in reversed(page.messages)
        if message.created_at > since
    ]
    return Answer({"success": True, "session_id": place.session_id, "message_count": len(shown), "messages": shown})


@LegacyEndpoint(path={"session_id": SESSION_ID, "channel": CHANNEL}, answers={200: Reply("Gone.")}, notes=NOBODY)
async def clear(call: Call) -> Answer[ChannelCleared]:
    """Clear a channel's chat.

    Delete a channel's chat; the answer is the same where there is none.
    """
    with suppress(SessionNotFoundError):
        place = await _place(call, call.path["channel"], call.session_id)
        if place.is_there:
            await call.store.delete(call.owner, place.session_id)
    return Answer({"success": True, "message": "Chat history cleared"})


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
        return (await call.store.get(call.owner, session_id)).channel
    return None
