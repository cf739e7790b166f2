"""LlamaIndex's messages as messages of Parley, and back."""

from collections.abc import Mapping
from typing import Any, Final

from llama_index.core.llms import ChatMessage

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

FRAMEWORK: Final = "llama-index"
ROLES: Final[Mapping[str, Role]] = {
    "user": "user",
    "system": "system",
    "developer": "developer",
    "assistant": "assistant",
    "chatbot": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
}
FILES: Final = {
    "image": "image",
    "audio": "audio",
    "video": "video",
    "document": "data",
}  # block type: its data's field


def stored(message: ChatMessage) -> JsonObject:
    """Return the message to store."""
    native = message.model_dump(mode="json")
    return to_message(FRAMEWORK, native, _readable(native))


def loaded(message: Message) -> ChatMessage:
    """Return the message that was stored, equal; one of another origin by what it says."""
    native = native_of(FRAMEWORK, message)
    if native is None:
        more = {"tool_call_id": message["tool_call_id"]} if message["tool_call_id"] else {}
        return ChatMessage(plain_text(message["content"]), role=message["role"], additional_kwargs=more)
    return ChatMessage.model_validate(native)


def _readable(native: Mapping[str, Any]) -> Readable:
    role, more = ROLES.get(native["role"], "user"), native["additional_kwargs"]
    return Readable(
        role=role,
        content=[part for block in native["blocks"] for part in _parts(block)],
        name=more.get("name") if isinstance(more.get("name"), str) else None,
        function_calls=[call for block in native["blocks"] for call in _calls(block)] or _older_calls(more),
        tool_call_id=str(more["tool_call_id"]) if role == "tool" and more.get("tool_call_id") else None,
    )


def _parts(block: Mapping[str, Any]) -> list[JsonObject]:
    """Return a block as a reader sees it: texts, thoughts and what is attached, but no calls."""
    kind = block["block_type"]
    if kind in FILES:
        data = block.get(FILES[kind])
        mime = block.get("image_mimetype") or block.get("document_mimetype") or kind
        url = f"data:{mime};base64,{data}" if data else block.get("url")
        return [file_part(url, kind)]
    if kind == "text":
        return [text_part(block["text"])]
    if kind == "thinking":
        return [thought_part(block["content"])] if block.get("content") else []
    nested = block.get("content") if kind == "citable" else [block.get("cited_content")] if kind == "citation" else []
    return [part for inner in nested or [] if isinstance(inner, Mapping) for part in _parts(inner)]


def _calls(block: Mapping[str, Any]) -> list[JsonObject]:
    if block["block_type"] != "tool_call":
        return []
    return [function_call(block["tool_call_id"], block["tool_name"], block["tool_kwargs"])]


def _older_calls(more: Mapping[str, Any]) -> list[JsonObject]:
    """Return the calls of an integration that keeps them as the model's API wrote them."""
    given = more.get("tool_calls")
    functions = [call for call in given if isinstance(call, Mapping)] if isinstance(given, list) else []
    return [
        function_call(call.get("id"), str(call["function"].get("name")), call["function"].get("arguments", ""))
        for call in functions
        if isinstance(call.get("function"), Mapping)
    ]
