"""The bodies of the earlier routes, as requests and answers have them on the wire."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from shared.http.earlier.channels import ChannelMessage
from shared.http.earlier.history import MessageSomewhere
from shared.http.earlier.questions import Question
from shared.models import JsonObject, Message, Role, Timestamp
from shared.openapi.bodies import OWNER


class _Owned(BaseModel):
    """A body may name the owner; `default` names nobody."""

    user_id: Annotated[str | None, Field(pattern=OWNER)] = None


class EarlierMessage(MessageSomewhere, _Owned):
    """A message, and the session it goes to."""


class EarlierQuestion(Question, _Owned):
    """A question, and the session it belongs to."""


class EarlierChannelMessage(ChannelMessage, _Owned):
    """What a user says, and in which chat."""


class LatestHistory(BaseModel):
    """The newest messages of a session, oldest of them first; null, none and 0 where there is no session."""

    session_id: str | None
    messages: list[Message]
    message_count: int


class Answered(BaseModel):
    """What came of a question."""

    response: str | None
    query: str
    audio_files: list[str]
    audio_provided: Literal[False]
    conversation_length: int
    session_id: str


class HistoryEntry(BaseModel):
    """A message."""

    message_id: str
    role: Role
    content: str | list[JsonObject]
    timestamp: Timestamp
    audio_files: list[str | JsonObject]
    function_calls: list[str | JsonObject]
    metadata: JsonObject


class History(BaseModel):
    """What was said in a session, oldest first."""

    session_id: str
    history: list[HistoryEntry]


class SessionStatus(BaseModel):
    """How much was said in a session, and when; the duration runs from the first to the last message."""

    session_id: str
    message_count: int
    created_at: Timestamp
    updated_at: Timestamp
    is_active: bool
    duration_seconds: float


class SessionReset(BaseModel):
    """The session is empty."""

    success: Literal[True]
    session_id: str


class ChannelTurn(BaseModel):
    """What came of a user's words."""

    success: Literal[True]
    result: str | None
    session_id: str


class ChannelEntry(BaseModel):
    """A message."""

    role: Role
    content: str | list[JsonObject]
    created_at: Timestamp


class ChannelChat(BaseModel):
    """The newest messages of a chat, oldest of them first; `message_count` is how many these are."""

    success: Literal[True]
    session_id: str
    message_count: int
    messages: list[ChannelEntry]


class ChannelCleared(BaseModel):
    """The chat is gone."""

    success: Literal[True]
    message: str
