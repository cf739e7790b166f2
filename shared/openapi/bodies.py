"""The bodies that requests and answers have on the wire, where they are more than a model of the domain."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from shared.models import (
    ForkInput,
    Found,
    JsonObject,
    Message,
    MessageBatch,
    MessageChanges,
    MessageInput,
    Nothing,
    Role,
    Session,
    SessionChanges,
    SessionInput,
    SessionTarget,
    ShareInput,
    SnippetPart,
    Timestamp,
)

OWNER = r"^[^/\\?#\x00-\x1f\x7f-\x9f]{0,128}$"  # as USER_ID; an empty one counts as absent


class _Owned(BaseModel):
    """A body may name the owner; it is read before the rest is validated."""

    user_id: Annotated[str | None, Field(pattern=OWNER)] = None


class NoFields(Nothing, _Owned):
    """An empty body."""


class CreateSession(SessionInput, _Owned):
    """A session to create; every field is optional."""


class ChangeSession(SessionChanges, _Owned):
    """What to change; what is left out stays, `context` and `tags` are replaced whole, a null name is cleared."""


class AppendMessage(MessageInput, _Owned):
    """One message."""


class AppendMessages(MessageBatch, _Owned):
    """Up to 20 messages, stored all or none."""


class AppendMessageAnywhere(MessageInput, SessionTarget, _Owned):
    """One message, and the session it goes to."""


class AppendMessagesAnywhere(MessageBatch, SessionTarget, _Owned):
    """Up to 20 messages, and the session they go to."""


class ShareSession(ShareInput, _Owned):
    """How long the link works, and how far it shows the session."""


class SharedLink(BaseModel):
    """A link to a session; its address is told only once."""

    share_id: str
    up_to_seq: int
    created_at: Timestamp
    expires_at: Timestamp | None


class NewLink(SharedLink):
    """A link that was just made."""

    url: str


class LinkList(BaseModel):
    """The links of a session that work, oldest first."""

    data: list[SharedLink]
    has_more: bool
    next_cursor: str | None


class SharedMessage(BaseModel):
    """A message as a link shows it."""

    role: Role
    content: str | list[JsonObject]
    created_at: Timestamp


class SharedSession(BaseModel):
    """What a link shows, oldest message first."""

    session_name: str | None
    messages: list[SharedMessage]
    has_more: bool
    next_cursor: str | None


class Fork(ForkInput, _Owned):
    """How far to copy."""


class ChangeMessage(MessageChanges, _Owned):
    """What to change of a message; what is left out stays."""


class SessionWithMessages(Session):
    """A session with its newest messages, oldest of them first."""

    messages: list[Message]
    has_more: bool
    next_cursor: str | None


class SessionList(BaseModel):
    """Sessions, last activity first; a page may be short or empty while `has_more` is true."""

    data: list[Session]
    has_more: bool
    next_cursor: str | None


class MessageList(BaseModel):
    """Messages in the order asked for."""

    data: list[Message]
    has_more: bool
    next_cursor: str | None


class Hit(Found):
    """A message that holds the text, and a piece of it: the surroundings of the first occurrence."""

    snippet: list[SnippetPart]


class HitList(BaseModel):
    """Hits, newest session first; a page may be short or empty while `has_more` is true."""

    data: list[Hit]
    has_more: bool
    next_cursor: str | None


class OpenAIMessage(BaseModel):
    """A message as a model's API takes it; `tool_calls`, `tool_call_id` and `name` only where there are any."""

    role: Role
    content: str | list[JsonObject]
    tool_calls: list[JsonObject] = []
    tool_call_id: str = ""
    name: str = ""


class AppendedMessages(BaseModel):
    """The messages as they are stored, and how many the session has now."""

    session_id: str
    messages: list[Message]
    message_count: int


class Counts(BaseModel):
    """How many were removed."""

    sessions: int
    messages: int


class ErasedData(BaseModel):
    """What this request erased; repeat it while `done` is false."""

    deleted: Counts
    done: bool


class Health(BaseModel):
    """The store answers."""

    status: Literal["ok"]
    store: Literal["sqlite", "cosmos"]
    latency_ms: float


class FieldError(BaseModel):
    """What is wrong with one place of a body."""

    loc: list[str | int]
    msg: str
    type: str


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[FieldError] = []
    ids: list[str] = []
