"""The rules by which a conversation's own fields become a session's."""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.legacy_ids import session_id_for
from shared.migrate.record import Conversation, RecordError, derived_id
from shared.migrate.storable import require_storable
from shared.migrate.times import EPOCH, parse_time
from shared.models import (
    CHANNEL,
    DEFAULT_CHANNEL,
    KEEP,
    MAX_CONTEXT_BYTES,
    MAX_TTL_SECONDS,
    USER_ID,
    ImportedMessage,
    ImportedSession,
    JsonObject,
    stored_bytes,
)

MAX_NAME_CHARACTERS = 200
MAX_TAGS, MAX_TAG_CHARACTERS = 16, 64
TRUE: frozenset[object] = frozenset({1, "1", "1.0", "t", "true", "y", "yes", "on", "active"})  # 1 is True, and 1.0
FALSE: frozenset[object] = frozenset({0, "0", "0.0", "f", "false", "n", "no", "off", "inactive"})


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for every conversation of one import."""

    now: datetime
    ttl_of: Callable[[str], int]
    user_id: str = "default"
    channel: str | None = None


def owner_of(value: object, default: str) -> str:
    """Return the owner's id: one that Parley cannot have becomes its hash, as in a signed-in user's."""
    if value is None or value == "":
        return default
    text = str(_text(value))
    if USER_ID.fullmatch(text):
        return text
    return f"h-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def session_id_of(value: object) -> str:
    """Return the session's id, derived from one that breaks the grammar."""
    text = _text(value)
    return session_id_for(text) if isinstance(text, str) else derived_id(value)


def _text(value: object) -> object:
    return str(value) if isinstance(value, int) else value


def session_from(
    conversation: Conversation, messages: list[ImportedMessage], rules: Rules, notes: Counter[str]
) -> ImportedSession:
    """Return the session with everything but its fingerprint; raises RecordError if it cannot be kept."""
    context = dict(conversation.context)
    channel = _channel_of(conversation, rules, context)
    owner, session_id = _ids_of(conversation, rules, context, notes)
    fields: JsonObject = {
        "id": session_id,
        "user_id": owner,
        "session_name": _name_of(conversation.name, context),
        "channel": channel,
        "tags": _tags_of(conversation.tags, context),
        "pinned": conversation.pinned is True,
        "ttl_seconds": _ttl_of(conversation.ttl_seconds, rules.ttl_of(channel), context),
        **_times_of(conversation, messages, context, notes, now=rules.now),
        "last_seq": len(messages) if conversation.last_seq is None else conversation.last_seq,
    }
    require_storable([context, *(value for value in fields.values() if not isinstance(value, datetime))])
    _fit(context, messages, notes)
    return ImportedSession.model_validate(fields | {"context": context})


def _ids_of(conversation: Conversation, rules: Rules, context: JsonObject, notes: Counter[str]) -> tuple[str, str]:
    key = conversation.key
    owner, session_id = owner_of(key.owner, rules.user_id), session_id_of(key.session_id)
    if owner != (_text(key.owner) or rules.user_id):
        notes["user ids replaced"] += 1
        context.setdefault("original_user_id", key.owner)
    if session_id != _text(key.session_id):
        notes["session ids replaced"] += 1
        context.setdefault("original_id", key.session_id)
    return owner, session_id


def _channel_of(conversation: Conversation, rules: Rules, context: JsonObject) -> str:
    channel = conversation.channel
    if channel is None:
        return rules.channel or DEFAULT_CHANNEL
    if isinstance(channel, str) and CHANNEL.fullmatch(channel):
        return channel
    context.setdefault("original_channel", channel)
    return rules.channel or DEFAULT_CHANNEL


def _name_of(value: object, context: JsonObject) -> str | None:
    if value is None or (isinstance(value, str) and len(value) <= MAX_NAME_CHARACTERS):
        return value
    context.setdefault("original_session_name", value)
    return value[:MAX_NAME_CHARACTERS] if isinstance(value, str) else None


def _tags_of(value: object, context: JsonObject) -> list[str]:
    if value is None:
        return []
    given = value if isinstance(value, list) else [value]
    tags = [tag for tag in given if isinstance(tag, str) and 1 <= len(tag) <= MAX_TAG_CHARACTERS][:MAX_TAGS]
    if tags != value:
        context.setdefault("original_tags", value)
    return tags


def _ttl_of(value: object, default: int, context: JsonObject) -> int:
    if value is None:
        return default
    if isinstance(value, int) and not isinstance(value, bool) and (value == KEEP or 1 <= value <= MAX_TTL_SECONDS):
        return value
    context.setdefault("original_ttl", value)
    return default


def _times_of(
    conversation: Conversation,
    messages: list[ImportedMessage],
    context: JsonObject,
    notes: Counter[str],
    *,
    now: datetime,
) -> JsonObject:
    """Return what the session tells of its times; what it does not say follows from its messages.

    Where nothing says when it was used last, that is now: else the next archival would take what has just come.
    """

    def given(name: str) -> datetime | None:
        value = getattr(conversation, name)
        read = parse_time(value)
        if read is None and value is not None:
            notes["times missing or unreadable"] += 1
            context.setdefault(f"original_{name}", value)
        notes["times without a zone, taken as UTC"] += bool(read and read[1])
        return read[0] if read else None

    said = [message.created_at for message in messages]
    created_at, updated_at = given("created_at"), given("updated_at")
    began = created_at or min(said, default=updated_at or EPOCH)
    last_activity_at = given("last_activity_at") or max([began, *said])
    if last_activity_at <= EPOCH:
        last_activity_at = updated_at if updated_at and updated_at > EPOCH else now
    changed = max(updated_at or last_activity_at, last_activity_at)
    is_active = _is_active(conversation.is_active, context, notes)
    return {
        "status": "active" if is_active else "archived",
        "created_at": began,
        "updated_at": changed,
        "last_activity_at": last_activity_at,
        "archived_at": None if is_active else given("archived_at") or changed,
        "expires_at": given("expires_at") or _end_of(conversation, said),
    }


def _is_active(value: object, context: JsonObject, notes: Counter[str]) -> bool:
    """Return whether a session is active: the source says so, or does not say it is not."""
    read = active_or_not(value)
    if read is None and value is not None and value != "":
        notes["is_active neither true nor false, taken as active"] += 1
        context.setdefault("original_is_active", value)
    return read is not False


def active_or_not(value: object) -> bool | None:
    """Return what is written for true or false in JSON, CSV, by pandas and in spreadsheets; None if it is neither."""
    plain = value.strip().lower() if isinstance(value, str) else value
    if not isinstance(plain, str | int | float):
        return None
    return True if plain in TRUE else False if plain in FALSE else None


def _end_of(conversation: Conversation, said: list[datetime]) -> datetime | None:
    if conversation.lifetime_seconds is None or not said:
        return None
    return max(said) + timedelta(seconds=conversation.lifetime_seconds)


def _fit(context: JsonObject, messages: list[ImportedMessage], notes: Counter[str]) -> None:
    """Move the largest values of a context that is too large for a list of sessions to the first message."""
    moved: JsonObject = {}
    while stored_bytes(context | {"moved_to_first_message": list(moved)}) > MAX_CONTEXT_BYTES:
        if not messages or not context:
            raise RecordError(f"a context over {MAX_CONTEXT_BYTES} bytes as JSON and no message to keep it")
        largest = max(context, key=lambda name: stored_bytes(context[name]))
        moved[largest] = context.pop(largest)
    if moved:
        notes["contexts that went on in the first message"] += 1
        context["moved_to_first_message"] = list(moved)
        messages[0].metadata["session_context"] = moved
