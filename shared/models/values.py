"""Values and the rules they keep: ids, times, limits, and how JSON is written. No I/O."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    StrictInt,
    StrictStr,
    Tag,
    WithJsonSchema,
)
from pydantic_core import to_json

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
MAX_TTL_SECONDS = 2_147_483_647  # the largest item ttl: https://learn.microsoft.com/azure/cosmos-db/nosql/time-to-live
MAX_MESSAGES_PER_REQUEST = 200
MAX_REQUEST_MESSAGES_BYTES = 1280 * 1024
MAX_RAW_BYTES = 512 * 1024
MAX_ATTACHMENTS = 128
MAX_ATTACHMENT_BYTES = 256 * 1024
MAX_CONTEXT_BYTES = 8 * 1024
MAX_METADATA_BYTES = 64 * 1024
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


def stored_json(value: object) -> str:
    """Write a value, models in it included, the way the stores do: compact JSON, text as it is."""
    return to_json(value).decode()


def stored_bytes(value: object) -> int:
    """Size of a value as stored JSON, in bytes."""
    return len(to_json(value))


def canonical_json(value: object) -> str:
    """Write all values that are the same JSON in one way: 1 and 1.0 are, 1 and true are not, names have no order."""
    return stored_json(_canonical(value))


def _canonical(value: object) -> object:
    if isinstance(value, dict):
        return {name: _canonical(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _at_most_bytes(limit: int) -> AfterValidator:
    def check(value: object) -> object:
        if stored_bytes(value) > limit:
            message = f"must be at most {limit} bytes as JSON"
            raise ValueError(message)
        return value

    return AfterValidator(check)


def _valid_raw(value: str) -> str:
    if len(value.encode()) > MAX_RAW_BYTES:
        message = f"must be at most {MAX_RAW_BYTES} bytes as UTF-8"
        raise ValueError(message)
    return value


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
Raw = Annotated[StrictStr, AfterValidator(_valid_raw)]
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


class Model(BaseModel):
    """Builds its validator at first use: building all of them at once took a tenth of a cold start (measured)."""

    model_config = ConfigDict(defer_build=True)
