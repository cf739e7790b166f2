"""Items of the Responses API as messages of Parley, and back."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from parley_client.answers import Message
from parley_client.calls import JsonObject
from parley_client.frameworks.mapping import (
    Readable,
    Role,
    file_part,
    function_call,
    native_of,
    plain_text,
    text_part,
    thought_part,
    to_message,
)

if TYPE_CHECKING:
    from agents.items import TResponseInputItem

FRAMEWORK: Final = "openai-agents"
ROLES: Final[Mapping[str, Role]] = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "developer": "developer",
}
CALLS: Final = {"function_call": "arguments", "custom_tool_call": "input"}  # and where what they are called with is
FILES: Final = {"input_image": "image", "input_file": "file", "input_audio": "audio"}


def message_of(item: "TResponseInputItem") -> JsonObject:
    """Return the message to store; TypeError for what is no JSON."""
    return to_message(FRAMEWORK, item, _readable(cast("Mapping[str, Any]", item)))


def items_of(message: Message) -> "list[TResponseInputItem]":
    """Return the item that was stored, equal; for a message of another origin the items that say what it says."""
    native = native_of(FRAMEWORK, message)
    return [native] if native is not None else cast("list[TResponseInputItem]", [*_said(message)])


def _readable(item: Mapping[str, Any]) -> Readable:
    kind = str(item.get("type") or "message")
    call_id = item.get("call_id") if isinstance(item.get("call_id"), str) else None
    if kind == "message":
        return Readable(ROLES.get(str(item.get("role")), "assistant"), _content(item.get("content")))
    if kind in CALLS:
        called = function_call(call_id, str(item.get("name")), item.get(CALLS[kind]) or "")
        return Readable("assistant", function_calls=[called])
    if kind.endswith("_output") and call_id:
        return Readable("tool", _content(item.get("output")), tool_call_id=call_id)
    if kind == "reasoning":
        return Readable("assistant", [thought_part("\n".join(_texts(item.get("summary"))))])
    return Readable("assistant", [{"type": kind}])  # what a model's own tools did


def _content(content: object) -> str | list[JsonObject]:
    """Return what an item says as a text or as content parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content] if isinstance(content, Mapping) else []
    return [_part(part) for part in parts if isinstance(part, Mapping)]


def _part(part: Mapping[str, Any]) -> JsonObject:
    kind = str(part.get("type"))
    for name in ("text", "refusal"):
        if isinstance(part.get(name), str):
            return text_part(part[name])
    if kind not in FILES:
        return {"type": kind}
    told = [part.get(name) for name in ("image_url", "file_url", "file_data", "filename", "file_id")]
    return file_part(next((each for each in told if isinstance(each, str)), None), FILES[kind])


def _texts(parts: object) -> list[str]:
    found = parts if isinstance(parts, list) else []
    return [part["text"] for part in found if isinstance(part, Mapping) and isinstance(part.get("text"), str)]


def _said(message: Message) -> Iterable[JsonObject]:
    """Yield items for the readable fields of a message."""
    text, role = plain_text(message["content"]), message["role"]
    if role == "tool":
        yield {"type": "function_call_output", "call_id": message["tool_call_id"] or "", "output": text}
        return
    calls = [call for call in message["function_calls"] if isinstance(call, Mapping)]
    if text or not calls:
        yield {"role": role, "content": text}
    for call in calls:
        function = call.get("function")
        told: Mapping[str, Any] = function if isinstance(function, Mapping) else call
        arguments = told.get("arguments")
        yield {
            "type": "function_call",
            "call_id": str(call.get("id") or call.get("call_id") or ""),
            "name": str(told.get("name")),
            "arguments": arguments if isinstance(arguments, str) else "{}",
        }
