"""The entries of a pydantic-ai conversation as messages of Parley, and back.

A request of several parts (answers of several tools, say) is a message for each part, because each answers a call of
its own; what the parts share stands with the last one. So whoever redacts a message takes away all that it said.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic_ai.conversation_store import ConversationEntry, ConversationRecord
from pydantic_ai.messages import ModelMessagesTypeAdapter

from parley_client.answers import Message
from parley_client.calls import JsonObject
from parley_client.frameworks.mapping import (
    Readable,
    Role,
    file_part,
    function_call,
    json_text,
    native_of,
    text_part,
    thought_part,
    to_message,
)

FRAMEWORK: Final = "pydantic-ai"
PLAIN_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,55}")  # with the number of a part it is an id of Parley's
ROLES: Final[Mapping[str, Role]] = {"system-prompt": "system", "tool-return": "tool", "retry-prompt": "tool"}
RECORDS: Final = TypeAdapter(list[ConversationRecord], config={"ser_json_bytes": "base64", "val_json_bytes": "base64"})


def message_id_for(entry_id: str) -> str:
    """Return the id of the message that ends an entry."""
    return entry_id if PLAIN_ID.fullmatch(entry_id) else f"x-{hashlib.sha256(entry_id.encode()).hexdigest()[:32]}"


def stored(entry: ConversationEntry) -> list[JsonObject]:
    """Return the messages to store for an entry."""
    (message,) = ModelMessagesTypeAdapter.dump_python([entry.message], mode="json")
    parts = message.pop("parts")
    native = {"id": entry.id, "parent_id": entry.parent_id, "kind": entry.kind, "message": message}
    message_id = message_id_for(entry.id)
    if message["kind"] == "response":
        held = {"entry": native, "before": 0, "parts": parts}
        return [{"id": message_id, **to_message(FRAMEWORK, held, _of_response(parts))}]
    *early, last = parts or [None]
    messages = [
        {"id": f"{message_id}.{number}", **to_message(FRAMEWORK, {"parts": [part]}, _of_part(part))}
        for number, part in enumerate(early)
    ]
    held = {"entry": native, "before": len(early), "parts": [] if last is None else [last]}
    return [*messages, {"id": message_id, **to_message(FRAMEWORK, held, _of_part(last or {}))}]


def with_record(message: Mapping[str, Any], record: ConversationRecord) -> JsonObject:
    """Return a message that also holds a conversation's record."""
    held = {**(held_by(message) or {}), "record": RECORDS.dump_python([record], mode="json")[0]}
    content = message["content"]
    if isinstance(content, list):
        content = [part for part in content if part["type"] != "raw"]
    readable = Readable(
        role=message["role"],
        content=content,
        name=message.get("name"),
        function_calls=message.get("function_calls") or [],
        tool_call_id=message.get("tool_call_id"),
    )
    return {"id": message["id"], **to_message(FRAMEWORK, held, readable)}


def held_by(message: Mapping[str, Any]) -> JsonObject | None:
    """Return what a message holds for pydantic-ai; None for one of another origin, or a redacted one."""
    found = native_of(FRAMEWORK, {"function_calls": [], **message})
    return found if isinstance(found, dict) else None


def record_in(message: Message) -> ConversationRecord | None:
    """Return the record that a message holds."""
    record = (held_by(message) or {}).get("record")
    return None if record is None else RECORDS.validate_json(json_text([record]))[0]


def entry_of(held: JsonObject, before: Sequence[Message]) -> ConversationEntry:
    """Return an entry from what its last message holds, and from the messages of its other parts."""
    parts = [part for message in before for part in (held_by(message) or {"parts": []})["parts"]]
    native = held["entry"]
    whole = {**native["message"], "parts": [*parts, *held["parts"]]}
    (message,) = ModelMessagesTypeAdapter.validate_json(json_text([whole]))
    return ConversationEntry(id=native["id"], parent_id=native["parent_id"], kind=native["kind"], message=message)


def _of_response(parts: Sequence[Mapping[str, Any]]) -> Readable:
    content: list[JsonObject] = []
    for part in parts:
        if part["part_kind"] == "text":
            content.append(text_part(part["content"]))
        elif part["part_kind"] == "thinking" and part["content"]:
            content.append(thought_part(part["content"]))
        elif part["part_kind"] == "file":
            content += _attached(part["content"])
    called = [part for part in parts if part["part_kind"] == "tool-call"]
    calls = [function_call(part["tool_call_id"], part["tool_name"], part.get("args") or {}) for part in called]
    return Readable(role="assistant", content=content, function_calls=calls)


def _of_part(part: Mapping[str, Any]) -> Readable:
    """Return what a part of a request says."""
    kind, content = part.get("part_kind", ""), part.get("content", "")
    if kind == "user-prompt":
        items = [content] if isinstance(content, str) else content
        return Readable(role="user", content=[said for item in items for said in _attached(item)])
    called = part.get("tool_call_id") if kind in {"tool-return", "retry-prompt"} and part.get("tool_name") else None
    return Readable(
        role=ROLES.get(kind, "user") if called or kind == "system-prompt" else "user",
        content=content if isinstance(content, str) else json_text(content),
        name=part.get("tool_name"),
        tool_call_id=called,
    )


def _attached(item: str | Mapping[str, Any]) -> list[JsonObject]:
    """Return what a user sends beside, or as, text."""
    if isinstance(item, str):
        return [text_part(item)]
    if isinstance(item.get("content"), str):
        return [text_part(item["content"])]
    kind = str(item.get("kind", "file"))
    media = str(item.get("media_type") or "")
    data = item.get("data")
    url = f"data:{media};base64,{data}" if isinstance(data, str) else item.get("url")
    return [file_part(url, "image" if kind == "image-url" or media.startswith("image/") else kind)]
