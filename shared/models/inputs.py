"""What clients send, validated: unknown fields are refused, null means absent."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, StrictBool, StrictInt, StrictStr, model_validator

from shared.models import meanings
from shared.models.messages import REDACTED, Message
from shared.models.values import (
    DEFAULT_CHANNEL,
    KEEP,
    MAX_ATTACHMENT_BYTES,
    MAX_COMMENT_CHARACTERS,
    MAX_MESSAGES_PER_REQUEST,
    MAX_SEQ,
    MAX_TTL_SECONDS,
    AnyRole,
    Attachments,
    Channel,
    Content,
    Context,
    JsonObject,
    Label,
    MessageId,
    Metadata,
    Model,
    Raw,
    SessionId,
    SessionName,
    Tags,
    Ttl,
    stored_bytes,
)


class _Input(Model):
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


class MessageFields(_Input):
    """What a message says, as a client sends it."""

    role: Annotated[
        AnyRole | None,
        Field(
            description="Required, unless `message_type` is sent. Who speaks; `ai` and `bot` mean assistant, `human` "
            "user, `function` tool."
        ),
    ] = None
    message_type: Annotated[AnyRole | None, meanings.MESSAGE_TYPE] = None
    content: Annotated[
        Content | None,
        Field(
            description="Required, unless `function_calls` are sent. A text (which may be empty), or a list of parts: "
            "objects with a string `type`."
        ),
    ] = None
    name: Annotated[Label | None, meanings.NAME] = None
    persona: Annotated[Label | None, meanings.PERSONA] = None
    audio_files: Annotated[Attachments, meanings.AUDIO_FILES] = Field(default=[])
    transcription_confidence: Annotated[
        Annotated[float, Field(strict=True, allow_inf_nan=False)] | None, meanings.CONFIDENCE
    ] = None
    function_calls: Annotated[Attachments, meanings.FUNCTION_CALLS] = Field(default=[])
    tool_call_id: Annotated[Label | None, meanings.TOOL_CALL_ID] = None
    metadata: Annotated[Metadata, meanings.METADATA] = Field(default={})
    raw: Annotated[Raw | None, meanings.RAW] = None

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


class MessageInput(MessageFields):
    """A message to append, as a client sends it."""

    id: MessageId | None = Field(
        default=None,
        description="Made by the service when it is left out. With one of your own a repeat is recognised.",
    )


def _distinct_ids(messages: list[MessageInput]) -> list[MessageInput]:
    ids = [message.id for message in messages if message.id]
    if len(set(ids)) < len(ids):
        message = "one id is used twice"
        raise ValueError(message)
    return messages


class MessageBatch(_Input):
    """Up to 200 messages to append together, all or none."""

    messages: Annotated[
        list[MessageInput],
        Field(min_length=1, max_length=MAX_MESSAGES_PER_REQUEST),
        AfterValidator(_distinct_ids),
        meanings.MESSAGES,
    ]


class MessageTail(_Input):
    """Up to 200 messages that a session is to end with; none ends it there."""

    messages: Annotated[
        list[MessageInput],
        Field(max_length=MAX_MESSAGES_PER_REQUEST),
        AfterValidator(_distinct_ids),
        meanings.MESSAGES,
    ]


class SessionInput(_Input):
    """A session to create; every field is optional."""

    id: SessionId | None = Field(
        default=None, description="Made by the service when it is left out. One that exists is a 409 `session_exists`."
    )
    session_name: Annotated[SessionName | None, meanings.NAME_OF_SESSION] = None
    channel: Annotated[Channel, meanings.CHANNEL_NAME] = DEFAULT_CHANNEL
    context: Annotated[Context, meanings.CONTEXT] = Field(default={})
    tags: Annotated[Tags, meanings.TAGS] = Field(default=[])
    pinned: Annotated[StrictBool, meanings.PINNED] = False
    ttl_seconds: Annotated[Ttl | None, Field(description="Seconds from the last write to its end; -1 keeps it.")] = None


class ForkInput(_Input):
    """How far to copy a session: up to that seq, or all of it."""

    after_seq: Annotated[StrictInt, Field(ge=0, le=MAX_SEQ)] | None = Field(
        default=None, description="The `seq` of the last message to copy; all of them when it is left out."
    )


class ShareInput(_Input):
    """How long a link works, and how far it shows the session."""

    expires_in_seconds: Annotated[StrictInt, Field(ge=1, le=MAX_TTL_SECONDS)] | None = Field(
        default=None, description="How many seconds the link works; for ever when it is left out."
    )
    up_to_seq: Annotated[Annotated[StrictInt, Field(ge=0, le=MAX_SEQ)] | None, meanings.UP_TO_SEQ] = None


class SessionTarget(_Input):
    """The session that a message goes to, made when the owner has none by that id."""

    session_id: Annotated[SessionId | None, meanings.SESSION] = None
    channel: Annotated[Channel, meanings.CHANNEL_NAME] = DEFAULT_CHANNEL
    session_name: Annotated[SessionName | None, meanings.NAME_OF_SESSION] = None


class SessionChanges(Model):
    """What to change; what is left out stays, `context` and `tags` are replaced whole, a null name is cleared."""

    model_config = ConfigDict(extra="forbid")

    session_name: Annotated[SessionName | None, meanings.NAME_OF_SESSION] = None
    context: Annotated[Context, meanings.CONTEXT] = Field(default={})
    tags: Annotated[Tags, meanings.TAGS] = Field(default=[])
    pinned: Annotated[StrictBool, meanings.PINNED] = False
    ttl_seconds: Annotated[Ttl, meanings.TTL_SECONDS] = KEEP
    is_active: Annotated[StrictBool, meanings.IS_ACTIVE] = True

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

    rating: Annotated[Literal["up", "down"], Field(description="Thumb up or down.")]
    comment: Annotated[StrictStr, Field(max_length=MAX_COMMENT_CHARACTERS)] | None = Field(
        default=None, description="Why, in the user's words."
    )


class MessageChanges(_Input):
    """What to change of a message, each replaced whole; what is left out stays."""

    metadata: Annotated[Metadata | None, meanings.METADATA] = None
    feedback: Annotated[Feedback | None, meanings.FEEDBACK] = None

    def apply(self, message: "Message") -> "Message":
        """Return the message with what was given; a redacted one stays marked."""
        given: JsonObject = {}
        if self.metadata is not None:
            given["metadata"] = self.metadata | (REDACTED if message.is_redacted else {})
        if self.feedback is not None:
            given["feedback"] = self.feedback.model_dump(exclude_none=True)
        return message.model_copy(update=given)
