"""Conversation documents of the earlier system, and the sessions and messages that Parley makes of them."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from parley_client.calls import JsonObject
from parley_client.names import session_id_for, with_originals
from parley_client.plain import plain
from parley_client.roles import role_of, written_role

ENTRY_FIELDS: Final = frozenset({"role", "content", "timestamp", "tool_calls"})
DOCUMENT_FIELDS: Final = frozenset({"id", "customer_id", "updated_at", "messages"})
COSMOS_FIELDS: Final = frozenset({"_rid", "_self", "_etag", "_attachments", "_ts"})
MAX_CALLS: Final = 32


def now() -> str:
    """Return the present moment as documents have it, to the microsecond (see exact_moment)."""
    moment = datetime.now(UTC)
    if moment.microsecond % 1000 == 0:
        moment += timedelta(microseconds=1)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def session_of(document: Mapping[str, Any]) -> JsonObject:
    """Return the session that a document is, without its messages."""
    fields = DOCUMENT_FIELDS | COSMOS_FIELDS
    context = plain({name: value for name, value in document.items() if name not in fields})
    original, customer = str(document["id"]), str(document["customer_id"])
    return {"id": session_id_for(original), "context": with_originals(context, original, customer)}


def message_of(entry: Mapping[str, Any]) -> JsonObject:
    """Return the message that an entry of a document is, without an id; whatever else it holds is metadata."""
    entry = plain(entry)
    metadata = {name: value for name, value in entry.items() if name not in ENTRY_FIELDS}
    metadata["timestamp"] = entry.get("timestamp")
    tool_calls = entry.get("tool_calls") or []
    if not _are_calls(tool_calls):
        metadata["tool_calls"], tool_calls = tool_calls, []
    content = entry.get("content")
    if content is None:
        content = ""
    elif not _is_content(content):
        metadata["original_content"] = content
        content = json.dumps(content, ensure_ascii=False)
    role = role_of(entry.get("role"), metadata)
    return {"role": role, "content": content, "function_calls": tool_calls, "metadata": metadata}


def entry_of(message: Mapping[str, Any]) -> JsonObject:
    """Return the entry that a message is in a document."""
    metadata = dict(message["metadata"])
    entry = {
        "role": written_role(message["role"], metadata),
        "content": metadata.pop("original_content", message["content"]),
        "timestamp": metadata.pop("timestamp", None) or message.get("created_at"),
    }
    calls = {"tool_calls": message["function_calls"]} if message.get("function_calls") else {}
    return {**entry, **calls, **{name: value for name, value in metadata.items() if name not in entry}}


def document_of(session: Mapping[str, Any], messages: Iterable[Mapping[str, Any]]) -> JsonObject:
    """Return a session and its messages as a document, in the order of their times; ties keep theirs."""
    context = dict(session["context"])
    document = {
        "id": context.pop("original_id", session["id"]),
        "customer_id": context.pop("original_user_id", session["user_id"]),
        "session_id": context.pop("session_id", None),
        "created_at": context.pop("created_at", session["created_at"]),
        "updated_at": session["updated_at"],
    }
    entries = [entry_of(message) for message in messages if not is_redacted(message)]
    entries.sort(key=lambda entry: _sortable(entry["timestamp"]))
    return {**document, **context, "messages": entries}


def is_redacted(message: Mapping[str, Any]) -> bool:
    """Return whether what a message said was taken away."""
    return message["metadata"].get("redacted") is True


def marks(message: Mapping[str, Any]) -> list[str]:
    """Return what tells a message from others: a hash of its time, role and content.

    A message that was written down without a time has two marks: without one, and with the time Parley gave it.
    """
    metadata = message["metadata"]
    written, stored = metadata.get("timestamp"), message.get("created_at")
    times = [written] if "timestamp" in metadata else []
    if not written and stored:
        times.append(stored)
    role = metadata.get("original_role", message["role"])
    content = metadata.get("original_content", message["content"])
    return [digest([_exact(time), role, content]) for time in times]


def exact_moment(message: Mapping[str, Any]) -> tuple[datetime, str] | None:
    """Return a message's time and role if the time is told to the microsecond, and so is no other message's."""
    moment = _moment(message["metadata"].get("timestamp") or message.get("created_at"))
    return (moment, message["role"]) if moment and moment.microsecond % 1000 else None


def digest(value: object) -> str:
    """Return 128 bits that tell a JSON value from every other, as hexadecimal digits."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:32]


def _is_content(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(part, dict) and isinstance(part.get("type"), str) for part in value)
    return isinstance(value, str)


def _are_calls(value: object) -> bool:
    return isinstance(value, list) and len(value) <= MAX_CALLS and all(isinstance(item, str | dict) for item in value)


def _exact(time: object) -> object:
    """Return a time in UTC to the microsecond, so that one moment has one spelling; anything else as it is."""
    moment = _moment(time)
    return moment.isoformat(timespec="microseconds") if moment else time


def _moment(time: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(time))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _sortable(time: object) -> datetime:
    return _moment(time) or datetime.min.replace(tzinfo=UTC)
