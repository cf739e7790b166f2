"""What Parley answers, for type checkers; at run time these are the dicts that came.

`etag` is the `ETag` of an answer about one session: hand it on as `if_match`, and nothing happens (412,
`precondition_failed`) unless the session is still as it was. Lists and pages have none.
"""

from typing import Any, Literal, NotRequired, TypedDict

Role = Literal["user", "assistant", "system", "developer", "tool"]


class Message(TypedDict):
    """A stored message; `seq` counts from 1 in its session, without gaps."""

    id: str
    seq: int
    role: Role
    message_type: Role
    content: str | list[dict[str, Any]]
    created_at: str
    user_id: str
    name: str | None
    persona: str | None
    audio_files: list[str | dict[str, Any]]
    transcription_confidence: float | None
    function_calls: list[str | dict[str, Any]]
    tool_call_id: str | None
    metadata: dict[str, Any]
    feedback: dict[str, Any] | None
    raw: str | None
    edited_at: str | None


class EditedMessage(Message):
    """A message as a change has left it, and its session's etag then."""

    etag: str


class Session(TypedDict):
    """A session without its messages."""

    id: str
    user_id: str
    session_name: str | None
    channel: str
    status: Literal["active", "archived"]
    is_active: bool
    context: dict[str, Any]
    tags: list[str]
    pinned: bool
    message_count: int
    created_at: str
    updated_at: str
    last_message_at: str | None
    last_activity_at: str
    archived_at: str | None
    ttl_seconds: int
    expires_at: str | None
    etag: NotRequired[str]


class SessionWithMessages(Session):
    """A session with its newest messages, oldest of them first."""

    messages: list[Message]
    has_more: bool
    next_cursor: str | None


class Appended(TypedDict):
    """Messages as they are stored, how many the session has now, and its etag."""

    session_id: str
    messages: list[Message]
    message_count: int
    etag: str


class RepliesUsage(TypedDict):
    """What all replies of the model took."""

    replies: int
    input_tokens: int
    output_tokens: int


class SessionStats(TypedDict):
    """Counts of one session."""

    message_count: int
    by_role: dict[Role, int]
    first_message_at: str | None
    last_message_at: str | None
    duration_seconds: float
    is_active: bool
    usage: NotRequired[RepliesUsage]


class OwnerStats(TypedDict):
    """Counts of everything a user has."""

    sessions: dict[Literal["active", "archived"], int]
    by_channel: dict[str, int]
    messages: int
    by_role: dict[Role, int]
    feedback: dict[Literal["up", "down"], int]
    stored_bytes: int
    per_day: list[dict[str, Any]]
    usage: NotRequired[RepliesUsage]


class SnippetPart(TypedDict):
    """A piece of a message: what was sought (`hit`), or what stands around it."""

    text: str
    hit: bool


class Hit(TypedDict):
    """A message that holds the text sought."""

    session_id: str
    session_name: str | None
    message: Message
    snippet: list[SnippetPart]


class SharedLink(TypedDict):
    """A link to a session."""

    share_id: str
    up_to_seq: int
    created_at: str
    expires_at: str | None


class NewLink(SharedLink):
    """A link that was just made; its address is told only here."""

    url: str


class Prompt(TypedDict):
    """Messages as a chat completions API takes them; `left_out` counts those missing or not whole."""

    messages: list[dict[str, Any]]
    left_out: int


class Counts(TypedDict):
    """How many were removed."""

    sessions: int
    messages: int


class Erased(TypedDict):
    """What one request erased; more is left while not `done`."""

    deleted: Counts
    done: bool


class Health(TypedDict):
    """The store answers."""

    status: Literal["ok"]
    store: str
    latency_ms: float


class Usage(TypedDict):
    """The tokens of one reply; None where the model did not say."""

    input_tokens: int | None
    output_tokens: int | None


class TurnState(TypedDict):
    """How far a turn is; `none`: nobody makes a reply."""

    state: Literal["running", "done", "none"]
    reply: Message | None


class TurnAnswer(TypedDict):
    """What was said, and the model's reply; both are stored."""

    session_id: str
    messages: list[Message]
    reply: Message
    message_count: int
    usage: Usage


class Begun(TypedDict):
    """What was said is stored; `joined`: the reply was being made already, `found`: it is there."""

    messages: list[Message]
    reply_id: str
    how: Literal["started", "joined", "found"]
    offset: int


class Text(TypedDict):
    """What comes next in the reply."""

    text: str


class ToolCalls(TypedDict):
    """The tools that the model asks for; their results are the next turn."""

    function_calls: list[str | dict[str, Any]]


class BegunEvent(TypedDict):
    """The first event of a turn, and once more where what was told is void: its `offset` is 0 then."""

    type: Literal["turn"]
    id: str
    data: Begun


class DeltaEvent(TypedDict):
    """The reply goes on."""

    type: Literal["delta"]
    id: str
    data: Text


class ToolCallsEvent(TypedDict):
    """The model calls tools."""

    type: Literal["tool_calls"]
    id: str
    data: ToolCalls


class DoneEvent(TypedDict):
    """The last event: the reply is stored, and it is what counts."""

    type: Literal["done"]
    id: str
    data: TurnAnswer


TurnEvent = BegunEvent | DeltaEvent | ToolCallsEvent | DoneEvent  # an `id` is what `join_turn` goes on after
