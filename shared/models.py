"""The domain: sessions, messages, what may be asked of them, and pages of both. No I/O."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    StrictBool,
    StrictInt,
    StrictStr,
    Tag,
    WithJsonSchema,
    computed_field,
    model_validator,
)

Role = Literal["user", "assistant", "system", "developer", "tool"]
ROLES: tuple[Role, ...] = ("user", "assistant", "system", "developer", "tool")
ROLE_ALIASES: Mapping[str, Role] = {"ai": "assistant", "bot": "assistant", "human": "user", "function": "tool"}
KINDS: Mapping[type[object], str] = {str: "text", list: "parts", dict: "object"}  # of values in a body
Status = Literal["active", "archived"]
JsonObject = dict[str, Any]

SESSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
MESSAGE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
USER_ID = re.compile(r"[^/\\?#\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,128}")
CHANNEL = re.compile(r"[a-z0-9-]{1,64}")
DEFAULT_CHANNEL = "default"
KEEP = -1
MAX_TTL_SECONDS = 2_147_483_647  # the largest item ttl; learn: cosmos-db/time-to-live
MAX_MESSAGES_PER_REQUEST = 20
MAX_REQUEST_MESSAGES_BYTES = 512 * 1024
MAX_ATTACHMENTS = 32
MAX_ATTACHMENT_BYTES = 64 * 1024
MAX_CONTEXT_BYTES = 8 * 1024
MAX_METADATA_BYTES = 16 * 1024
MAX_LABEL_CHARACTERS = 256
MAX_COMMENT_CHARACTERS = 4_000
MAX_SHARES = 50  # of a session at the same time
MAX_SEQ = 2**53 - 1  # the largest whole number that every JSON parser keeps


def utc_now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


def format_time(moment: datetime) -> str:
    """Write a moment as ISO 8601 UTC with six fractional digits and `Z`; such texts sort as their moments do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def stored_json(value: object) -> str:
    """Write a value the way the stores do: compact JSON, text as it is."""
    return _encode(value)


def stored_bytes(value: object) -> int:
    """Size of a value as stored JSON, in bytes."""
    return len(stored_json(value).encode())


def _at_most_bytes(limit: int) -> AfterValidator:
    def check(value: object) -> object:
        if stored_bytes(value) > limit:
            message = f"must be at most {limit} bytes as JSON"
            raise ValueError(message)
        return value

    return AfterValidator(check)


def _valid_ttl(value: int) -> int:
    if value == KEEP or 1 <= value <= MAX_TTL_SECONDS:
        return value
    message = f"must be -1 (keep) or 1 to {MAX_TTL_SECONDS}"
    raise ValueError(message)


def _valid_part(value: JsonObject) -> JsonObject:
    if isinstance(value.get("type"), str):
        return value
    message = "a content part needs a string 'type'"
    raise ValueError(message)


def _kind_of(value: object) -> str | None:
    """Tell apart what one field may hold, so that an error speaks of what was sent and not of every alternative."""
    return KINDS.get(type(value))


def _plain_role(value: object) -> object:
    return ROLE_ALIASES.get(value, value) if isinstance(value, str) else value


Seq = Annotated[int, Field(ge=0, le=MAX_SEQ)]
Timestamp = Annotated[
    datetime,
    PlainSerializer(format_time, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
SessionId = Annotated[StrictStr, Field(pattern=f"^{SESSION_ID.pattern}$")]
MessageId = Annotated[StrictStr, Field(pattern=f"^{MESSAGE_ID.pattern}$")]
Channel = Annotated[StrictStr, Field(pattern=f"^{CHANNEL.pattern}$")]
SessionName = Annotated[StrictStr, Field(max_length=200)]
Tags = Annotated[list[Annotated[StrictStr, Field(min_length=1, max_length=64)]], Field(max_length=16)]
Context = Annotated[JsonObject, _at_most_bytes(MAX_CONTEXT_BYTES)]
Metadata = Annotated[JsonObject, _at_most_bytes(MAX_METADATA_BYTES)]
Ttl = Annotated[
    StrictInt,
    AfterValidator(_valid_ttl),
    WithJsonSchema({"type": "integer", "minimum": KEEP, "maximum": MAX_TTL_SECONDS, "not": {"const": 0}}),
]
Label = Annotated[StrictStr, Field(max_length=MAX_LABEL_CHARACTERS)]
ContentPart = Annotated[
    JsonObject,
    AfterValidator(_valid_part),
    WithJsonSchema({"type": "object", "required": ["type"], "properties": {"type": {"type": "string"}}}),
]
Content = Annotated[
    Annotated[StrictStr, Tag("text")] | Annotated[list[ContentPart], Tag("parts")],
    Discriminator(
        _kind_of, custom_error_type="content_type", custom_error_message="must be a string or a list of content parts"
    ),
]
Attachment = Annotated[
    Annotated[StrictStr, Tag("text")] | Annotated[JsonObject, Tag("object")],
    Discriminator(_kind_of, custom_error_type="attachment_type", custom_error_message="must be a string or an object"),
]
Attachments = Annotated[list[Attachment], Field(max_length=MAX_ATTACHMENTS)]
AnyRole = Annotated[
    Role,
    BeforeValidator(_plain_role),
    WithJsonSchema({"type": "string", "enum": [*ROLES, *ROLE_ALIASES]}),
]


class _Input(BaseModel):
    """What a client sends: unknown fields are refused, null means absent."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever was sent
        if isinstance(data, dict):
            return {name: value for name, value in data.items() if value is not None or name not in cls.model_fields}
        return data


class Nothing(_Input):
    """A body without any field."""


class MessageInput(_Input):
    """A message to append, as a client sends it."""

    id: MessageId | None = None
    role: AnyRole | None = None
    message_type: AnyRole | None = None
    content: Content | None = None
    name: Label | None = None
    persona: Label | None = None
    audio_files: Attachments = Field(default_factory=list)
    transcription_confidence: Annotated[float, Field(strict=True, allow_inf_nan=False)] | None = None
    function_calls: Attachments = Field(default_factory=list)
    tool_call_id: Label | None = None
    metadata: Metadata = Field(default_factory=dict)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.role and self.message_type and self.role != self.message_type:
            message = "role and message_type differ"
            raise ValueError(message)
        if not (self.role or self.message_type):
            message = "role (or message_type) is required"
            raise ValueError(message)
        if self.content is None and not self.function_calls:
            message = "content is required unless function_calls are given"
            raise ValueError(message)
        attached = [self.audio_files, self.function_calls]
        if any(attached) and stored_bytes(attached) > MAX_ATTACHMENT_BYTES:
            message = f"audio_files and function_calls must be at most {MAX_ATTACHMENT_BYTES} bytes together"
            raise ValueError(message)
        return self


def _distinct_ids(messages: list[MessageInput]) -> list[MessageInput]:
    ids = [message.id for message in messages if message.id]
    if len(set(ids)) < len(ids):
        message = "one id is used twice"
        raise ValueError(message)
    return messages


class MessageBatch(_Input):
    """Up to 20 messages to append together, all or none."""

    messages: Annotated[
        list[MessageInput],
        Field(min_length=1, max_length=MAX_MESSAGES_PER_REQUEST),
        AfterValidator(_distinct_ids),
    ]


class SessionInput(_Input):
    """A session to create, as a client sends it."""

    id: SessionId | None = None
    session_name: SessionName | None = None
    channel: Channel = DEFAULT_CHANNEL
    context: Context = {}
    tags: Tags = []
    pinned: StrictBool = False
    ttl_seconds: Ttl | None = None


class ForkInput(_Input):
    """How far to copy a session: up to that seq, or all of it."""

    after_seq: Annotated[StrictInt, Field(ge=0, le=MAX_SEQ)] | None = None


class ShareInput(_Input):
    """How long a link works, and how far it shows the session."""

    expires_in_seconds: Annotated[StrictInt, Field(ge=1, le=MAX_TTL_SECONDS)] | None = None
    up_to_seq: Annotated[StrictInt, Field(ge=0, le=MAX_SEQ)] | None = None


class SessionTarget(_Input):
    """The session that a message goes to, made when the owner has none by that id."""

    session_id: SessionId | None = None
    channel: Channel = DEFAULT_CHANNEL
    session_name: SessionName | None = None


class SessionChanges(BaseModel):
    """What to change of a session: only the fields that were set count; a null `session_name` clears the name."""

    model_config = ConfigDict(extra="forbid")

    session_name: SessionName | None = None
    context: Context = {}
    tags: Tags = []
    pinned: StrictBool = False
    ttl_seconds: Ttl = KEEP
    is_active: StrictBool = True

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever was sent
        if isinstance(data, dict):
            clearable = cls.model_fields.keys() - {"session_name"}
            return {name: value for name, value in data.items() if value is not None or name not in clearable}
        return data

    def given(self) -> JsonObject:
        """Return the changes by field name."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}


class Feedback(_Input):
    """What a user thinks of a message."""

    rating: Literal["up", "down"]
    comment: Annotated[StrictStr, Field(max_length=MAX_COMMENT_CHARACTERS)] | None = None


class MessageChanges(_Input):
    """What to change of a message: `metadata` is replaced whole, `feedback` too."""

    metadata: Metadata | None = None
    feedback: Feedback | None = None

    def apply(self, message: "Message") -> "Message":
        """Return the message with what was given; a redacted one stays marked."""
        given: JsonObject = {}
        if self.metadata is not None:
            given["metadata"] = self.metadata | (REDACTED if message.is_redacted else {})
        if self.feedback is not None:
            given["feedback"] = self.feedback.model_dump(exclude_none=True)
        return message.model_copy(update=given)


class NewSession(BaseModel):
    """A session about to be stored, with everything decided but what the store itself counts.

    `fingerprint` tells by what request it was made, if that had an idempotency key.
    """

    id: str
    user_id: str
    session_name: str | None = None
    channel: str = DEFAULT_CHANNEL
    context: JsonObject = {}
    tags: list[str] = []
    pinned: bool = False
    ttl_seconds: int
    created_at: Timestamp
    fingerprint: str | None = None


class ImportedSession(NewSession):
    """A session as it was elsewhere, with everything that a store would otherwise decide.

    `last_seq` is that of its newest message, or of the last one it had; with `expires_at` it is gone
    then, unless it is written to before.
    """

    status: Status = "active"
    updated_at: Timestamp
    last_activity_at: Timestamp
    archived_at: Timestamp | None = None
    last_seq: Annotated[int, Field(ge=0)]
    expires_at: Timestamp | None = None


class Session(NewSession):
    """A stored session without its messages; `etag` changes with every write to it."""

    status: Status = "active"
    message_count: int = 0
    updated_at: Timestamp
    last_message_at: Timestamp | None = None
    last_activity_at: Timestamp
    archived_at: Timestamp | None = None
    expires_at: Timestamp | None = None
    etag: str = Field(exclude=True)
    fingerprint: str | None = Field(default=None, exclude=True)

    @computed_field
    def is_active(self) -> bool:
        """Tell whether the session takes messages."""
        return self.status == "active"


class NewMessage(BaseModel):
    """A message about to be appended: everything but its place in a session."""

    id: str
    role: Role
    content: str | list[JsonObject]
    created_at: Timestamp
    name: str | None = None
    persona: str | None = None
    audio_files: list[str | JsonObject] = []
    transcription_confidence: float | None = None
    function_calls: list[str | JsonObject] = []
    tool_call_id: str | None = None
    metadata: JsonObject = {}

    def document(self) -> JsonObject:
        """Return the message as it is stored: what is empty is left out, its place in the session too."""
        return self.model_dump(exclude_defaults=True, exclude={"seq", "user_id", "message_type"})

    def placed(self, seq: int, user_id: str) -> "Message":
        """Return this message at its place in a user's session."""
        return Message.model_validate(self.__dict__ | {"seq": seq, "user_id": user_id})

    def says_the_same(self, other: "NewMessage") -> bool:
        """Tell whether a repeat under the same id is the same message to a reader."""
        return all(getattr(self, name) == getattr(other, name) for name in FINGERPRINT)


class ImportedMessage(NewMessage):
    """A message as it was elsewhere."""

    feedback: JsonObject | None = None


REDACTED: JsonObject = {"redacted": True}  # the metadata of a message whose content was taken away
FINGERPRINT = ("role", "content", "name", "function_calls", "tool_call_id")


class Message(NewMessage):
    """A stored message; `seq` counts from 1 in its session, without gaps."""

    seq: int
    user_id: str
    feedback: JsonObject | None = None

    @computed_field
    def message_type(self) -> Role:
        """Repeat the role under the name that the earlier API used."""
        return self.role

    @property
    def is_redacted(self) -> bool:
        """Tell whether what it said was taken away."""
        return self.metadata.get("redacted") is True

    def redacted(self) -> "Message":
        """Return the message without anything that anybody said."""
        emptied = {"content": "", "name": None, "persona": None, "feedback": None, "metadata": dict(REDACTED)}
        return self.model_copy(update=emptied | {"audio_files": [], "function_calls": []})


class Appended(BaseModel):
    """What an append left behind: its messages as stored, and whether this request stored them."""

    messages: list[Message]
    message_count: int
    created: bool


class MessageQuery(BaseModel):
    """Which messages to read: bounds are exclusive; `page_hint` comes back from the page before."""

    limit: int
    order: Literal["asc", "desc"] = "desc"
    after: int | None = None
    before: int | None = None
    role: Role | None = None
    page_hint: int | None = None


class MessagePage(BaseModel):
    """Messages in the order asked for; `next_seq` bounds the next page (exclusive) while `has_more`."""

    messages: list[Message]
    has_more: bool = False
    next_seq: int | None = None
    page_hint: int | None = None


class IdleSession(BaseModel):
    """A session that nobody has used for a while, as it was seen; also a place in the order of idle ones."""

    last_activity_at: Timestamp
    user_id: str
    id: str
    ttl_seconds: int
    has_pages: bool = False
    etag: str


class Erased(BaseModel):
    """What an erasure has removed so far; more may be left while not `done`."""

    sessions: int
    messages: int
    done: bool


class SessionFilter(BaseModel):
    """Which sessions to list; None means any, every tag must be there."""

    status: Status | None = "active"
    channel: str | None = None
    tags: list[str] = []
    pinned: bool | None = None
    name: str | None = None


class SessionKey(BaseModel):
    """A place in the list of an owner's sessions: just behind this one."""

    last_activity_at: Annotated[Timestamp, Field(ge=datetime(2, 1, 1, tzinfo=UTC), lt=datetime(9999, 1, 1, tzinfo=UTC))]
    id: str


class SessionPage(BaseModel):
    """Sessions, last activity first; `next_key` leads on while `has_more`."""

    sessions: list[Session]
    next_key: SessionKey | None = None

    @property
    def has_more(self) -> bool:
        """Tell whether another page may hold something."""
        return self.next_key is not None


class SessionStats(BaseModel):
    """Counts of one session; the duration runs from the first to the last message, in seconds."""

    message_count: int
    by_role: dict[Role, int]
    first_message_at: Timestamp | None
    last_message_at: Timestamp | None
    is_active: bool

    @computed_field
    def duration_seconds(self) -> float:
        """Seconds from the first message to the last; 0 without messages."""
        if self.first_message_at is None or self.last_message_at is None:
            return 0.0
        return max(0.0, (self.last_message_at - self.first_message_at).total_seconds())


class SessionCounts(BaseModel):
    """How many sessions an owner has, by status."""

    active: int = 0
    archived: int = 0


class FeedbackCounts(BaseModel):
    """How many messages have a thumb up or down."""

    up: int = 0
    down: int = 0


class DayCount(BaseModel):
    """How many messages were stored on a day, UTC."""

    date: str
    messages: int


class OwnerStats(BaseModel):
    """Counts of everything an owner has; `stored_bytes` is the size of the messages as stored JSON."""

    sessions: SessionCounts
    by_channel: dict[str, int]
    messages: int
    by_role: dict[Role, int]
    feedback: FeedbackCounts
    stored_bytes: int
    per_day: list[DayCount]


class Share(BaseModel):
    """A link to a session, as it is stored: of its token only the hash.

    It shows messages up to `up_to_seq` that were there when it was made; a rewind frees numbers, and what
    is written under them later is not shown.
    """

    id: str
    token_hash: str
    up_to_seq: int
    created_at: Timestamp
    expires_at: Timestamp | None = None

    def is_over(self, now: datetime) -> bool:
        """Tell whether it has expired."""
        return self.expires_at is not None and self.expires_at <= now

    def shows(self, message: Message) -> bool:
        """Tell whether the message was there, as far as the link goes."""
        return message.seq <= self.up_to_seq and message.created_at <= self.created_at


class SearchQuery(BaseModel):
    """What to look for in an owner's messages, and how many hits at most; None means any."""

    text: str
    limit: int
    channel: str | None = None
    role: Role | None = None
    session_id: str | None = None


class SearchPlace(BaseModel):
    """A place in a search: behind that message of that session, or before the session's newest one."""

    session: SessionKey
    seq: Annotated[int, Field(ge=0, le=MAX_SEQ)] | None = None


class Found(BaseModel):
    """A message that was found, and the session it is in."""

    session_id: str
    session_name: str | None
    message: Message


class SearchPage(BaseModel):
    """Hits, newest session first and in it newest message first; there may be none while `next_place` leads on."""

    hits: list[Found]
    next_place: SearchPlace | None = None


class SnippetPart(BaseModel):
    """A piece of a text: what was sought, or what is around it."""

    text: str
    hit: bool
