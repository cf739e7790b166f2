"""The rules by which a message of an earlier system becomes one of Parley's: nothing is dropped without a word."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from shared.migrate.record import RecordError, Turn, as_list, derived_id, digest
from shared.migrate.storable import require_fitting, require_storable
from shared.migrate.times import EPOCH, parse_time
from shared.models import (
    MAX_LABEL_CHARACTERS,
    MESSAGE_ID,
    ROLE_ALIASES,
    ROLES,
    ImportedMessage,
    JsonObject,
    stored_json,
)

LABELS = ("name", "persona", "tool_call_id")
SPEAKERS = {
    *("author", "direction", "from", "kind", "message_type", "role", "sender", "sender_type", "speaker", "type"),
}
TEXTS = {
    *("answer", "body", "completion", "data", "input", "kwargs", "message", "msg", "output", "parts", "prompt"),
    *("query", "question", "reply", "response", "text", "transcript", "transcription", "utterance", "value"),
}


def placed(turns: Sequence[Turn], created_at: object, notes: Counter[str]) -> list[tuple[datetime, Turn]]:
    """Return the turns with their times, in the source's order.

    A turn without a time takes its fallback, else that of the one before it, else of the one behind it,
    else the conversation's. What is no time is kept in its metadata.
    """
    times = [_time_of(turn, notes) for turn in turns]
    known = parse_time(created_at)
    latest = next((moment for moment in times if moment), known[0] if known else EPOCH)
    found: list[tuple[datetime, Turn]] = []
    for moment, turn in zip(times, turns, strict=True):
        latest = moment or latest
        found.append((latest, turn))
    return found


def _time_of(turn: Turn, notes: Counter[str]) -> datetime | None:
    read = parse_time(turn.time)
    if read is None:
        notes["times missing or unreadable"] += 1
        if turn.time is not None:
            turn.metadata.setdefault("original_time", turn.time)
        read = parse_time(turn.fallback_time)
    elif read[1]:
        notes["times without a zone, taken as UTC"] += 1
    return read[0] if read else None


def require_known_shape(turn: Turn) -> None:
    """Raise RecordError for a message that would lose its text, or who said it, because they have other names here."""
    is_empty = turn.content in (None, "", [], {})
    is_absent = turn.content is None and not turn.function_calls
    left = turn.metadata
    unread = left if is_absent else {name: value for name, value in left.items() if name.lower() in TEXTS}
    nobody = turn.role is None
    if (is_empty and _has_text(unread)) or (nobody and (is_absent or left.keys() & SPEAKERS)):
        known = [name for name in ("role", "content") if getattr(turn, name) is not None]
        raise RecordError("a message of an unknown shape", f"its fields: {', '.join([*known, *sorted(left)])}")


def _has_text(value: object) -> bool:
    if isinstance(value, dict):
        return any(_has_text(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_text(item) for item in value)
    return isinstance(value, str) and bool(value.strip())


def message_from(turn: Turn, moment: datetime, notes: Counter[str]) -> ImportedMessage:
    """Return the message a turn is; one without an id has the empty one. Raises RecordError if it cannot be kept."""
    metadata = dict(turn.metadata)
    fields: JsonObject = {
        "id": _id_of(turn.id, metadata, notes),
        "role": _role_of(turn.role, metadata, notes),
        "content": _content_of(turn, metadata, notes),
        "created_at": moment,
        **{label: _label_of(label, getattr(turn, label), metadata) for label in LABELS},
        "audio_files": _attachments_of("audio_files", turn.audio_files, metadata),
        "transcription_confidence": _number_of("transcription_confidence", turn.transcription_confidence, metadata),
        "function_calls": _attachments_of("function_calls", turn.function_calls, metadata),
        "metadata": metadata,
        "feedback": _object_of("feedback", turn.feedback, metadata),
        "raw": _text_of("raw", turn.raw, metadata),
        "edited_at": _moment_of("edited_at", turn.edited_at, metadata),
    }
    require_storable({**fields, "created_at": None, "edited_at": None})
    message = ImportedMessage.model_validate(fields)
    require_fitting(message)
    return message


def with_ids(messages: Sequence[ImportedMessage], conversation: str) -> list[ImportedMessage | None]:
    """Return the messages with distinct ids, None for one that another has said already.

    An id is derived from what was said and when, and from how often, so that it is the same again when
    a message before it is no longer there. Of two messages with one id the second gets a derived one.
    """
    known: dict[str, ImportedMessage] = {}
    said: Counter[str] = Counter()
    distinct: list[ImportedMessage | None] = []
    for message in messages:
        first = known.get(message.id)
        if first is not None and _is_repeat(first, message):
            first.metadata = message.metadata | first.metadata
            distinct.append(None)
            continue
        if first is not None or not message.id:
            if first is not None:
                message.metadata.setdefault("original_id", message.id)
            message.id = _derived(message, conversation, said)
        known[message.id] = message
        distinct.append(message)
    return distinct


def _derived(message: ImportedMessage, conversation: str, said: Counter[str]) -> str:
    same = digest([conversation, message.created_at.isoformat(), message.role, message.content])
    said[same] += 1
    return derived_id([same, said[same]])


def _is_repeat(first: ImportedMessage, second: ImportedMessage) -> bool:
    """Return whether the second says nothing that the first does not; its metadata may say more, not something else."""
    same = second.model_copy(update={"metadata": first.metadata}) == first
    common = first.metadata.keys() & second.metadata.keys()
    return same and all(first.metadata[name] == second.metadata[name] for name in common)


def _id_of(value: object, metadata: JsonObject, notes: Counter[str]) -> str:
    if value is None or value == "":
        notes["message ids derived"] += 1
        return ""
    text = str(value) if isinstance(value, int) else value
    if isinstance(text, str) and MESSAGE_ID.fullmatch(text):
        return text
    notes["message ids replaced"] += 1
    metadata.setdefault("original_id", value)
    return derived_id(value)


def _role_of(value: object, metadata: JsonObject, notes: Counter[str]) -> str:
    plain = value.strip().lower() if isinstance(value, str) else ""
    role = ROLE_ALIASES.get(plain, plain)
    if role in ROLES:
        return role
    notes["unknown roles"] += 1
    metadata.setdefault("original_role", value)
    return "system"


def _content_of(turn: Turn, metadata: JsonObject, notes: Counter[str]) -> object:
    content = turn.content
    if content is None or content == "":
        notes["messages without content"] += not turn.function_calls
        return ""
    if isinstance(content, str) or (isinstance(content, list) and all(_is_part(item) for item in content)):
        return content
    require_storable(content)
    metadata.setdefault("original_content", content)
    notes["contents that were no text"] += 1
    if isinstance(content, list) and all(isinstance(item, str) or _is_part(item) for item in content):
        return [{"type": "text", "text": item} if isinstance(item, str) else item for item in content]
    return stored_json(content)


def _is_part(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("type"), str)


def _label_of(name: str, value: object, metadata: JsonObject) -> str | None:
    if value is None or (isinstance(value, str) and len(value) <= MAX_LABEL_CHARACTERS):
        return value
    metadata.setdefault(name, value)
    return None


def _attachments_of(name: str, value: object, metadata: JsonObject) -> list[object]:
    items = as_list(value)
    if all(isinstance(item, str | dict) for item in items):
        return items
    metadata.setdefault(name, value)
    return []


def _number_of(name: str, value: object, metadata: JsonObject) -> object:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    metadata.setdefault(name, value)
    return None


def _object_of(name: str, value: object, metadata: JsonObject) -> object:
    if value is None or isinstance(value, dict):
        return value
    metadata.setdefault(name, value)
    return None


def _text_of(name: str, value: object, metadata: JsonObject) -> str | None:
    if value is None or isinstance(value, str):
        return value
    metadata.setdefault(name, value)
    return None


def _moment_of(name: str, value: object, metadata: JsonObject) -> datetime | None:
    read = parse_time(value)
    if value is not None and read is None:
        metadata.setdefault(name, value)
    return read[0] if read else None
