"""LangChain's messages as messages of Parley, and back."""

from collections.abc import Mapping
from typing import Any, Final

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    message_to_dict,
    messages_from_dict,
)

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

FRAMEWORK: Final = "langchain"
ROLES: Final[Mapping[str, Role]] = {"human": "user", "ai": "assistant", "tool": "tool", "function": "tool"}
NAMED_ROLES: Final[Mapping[str, Role]] = {  # of ChatMessage
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "developer": "developer",
    "tool": "tool",
}
UNSEEN: Final = frozenset({"redacted_thinking", "tool_use", "tool_call", "function_call"})


def stored(message: BaseMessage) -> JsonObject:
    """Return the message to store; TypeError for what is no JSON, such as bytes in an `artifact`."""
    return to_message(FRAMEWORK, message_to_dict(message), readable(message))


def loaded(message: Message) -> BaseMessage:
    """Return the message that was stored, equal; one of another origin by what it says."""
    native = native_of(FRAMEWORK, message)
    return messages_from_dict([native])[0] if native else said(message)


def readable(message: BaseMessage) -> Readable:
    """Return what a message says to a reader."""
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    content = message.content
    parts = content if isinstance(content, str) else [part for block in content for part in _parts(block)]
    return Readable(
        role=_role(message),
        content=parts,
        name=message.name,
        function_calls=[function_call(call["id"], call["name"], call["args"]) for call in calls],
        tool_call_id=message.tool_call_id if isinstance(message, ToolMessage) else None,
    )


def said(message: Message) -> BaseMessage:
    """Return a message of LangChain for the readable fields of one."""
    text, role = plain_text(message["content"]), message["role"]
    if role == "tool":
        return ToolMessage(text, tool_call_id=message["tool_call_id"] or "", name=message["name"])
    kinds: dict[str, type[BaseMessage]] = {"user": HumanMessage, "assistant": AIMessage}
    return kinds.get(role, SystemMessage)(text, name=message["name"])


def _role(message: BaseMessage) -> Role:
    named = NAMED_ROLES.get(getattr(message, "role", ""))
    return named or ROLES.get(message.type, "system")


def _parts(block: str | Mapping[str, Any]) -> list[JsonObject]:
    """Return a content block as a reader sees it: texts, thoughts and what is attached, but no calls."""
    if isinstance(block, str):
        return [text_part(block)]
    kind = str(block.get("type", ""))
    if isinstance(block.get("text"), str):
        return [text_part(block["text"])]
    if kind in {"reasoning", "thinking"}:
        thought = block.get("reasoning") or block.get("thinking")
        return [thought_part(thought)] if isinstance(thought, str) else []
    if kind in UNSEEN:
        return []
    image = block.get("image_url")
    url = image.get("url") if isinstance(image, Mapping) else image or block.get("url")
    if not isinstance(url, str):
        data, mime = block.get("base64") or block.get("data"), block.get("mime_type", "")
        url = f"data:{mime};base64,{data}" if isinstance(data, str) else None
    return [file_part(url, "image" if kind in {"image", "image_url"} else kind or "file")]
