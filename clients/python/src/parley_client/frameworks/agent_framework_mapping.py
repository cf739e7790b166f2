"""Messages of Microsoft's agent-framework as messages of Parley, and back."""

from collections.abc import Mapping
from typing import Any, Final

from agent_framework import Content
from agent_framework import Message as AgentMessage

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

FRAMEWORK: Final = "agent-framework"
ROLES: Final[Mapping[str, Role]] = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "developer": "developer",
    "tool": "tool",
}


def stored(message: AgentMessage) -> JsonObject:
    """Return the message to store; TypeError for what is no JSON."""
    native = message.to_dict()
    return to_message(FRAMEWORK, native, _readable(native))


def loaded(message: Message) -> AgentMessage:
    """Return the message that was stored, equal; one of another origin by what it says."""
    native = native_of(FRAMEWORK, message)
    return AgentMessage.from_dict(native) if native is not None else _said(message)


def _readable(native: Mapping[str, Any]) -> Readable:
    contents = native["contents"]
    role = ROLES.get(str(native["role"]), "assistant")
    results = [each for each in contents if each["type"] == "function_result"]
    only = results[0] if role == "tool" and len(results) == len(contents) == 1 else None
    if only and isinstance(only.get("call_id"), str):
        return Readable(role, _answer(only), tool_call_id=only["call_id"])
    calls = [each for each in contents if each["type"] == "function_call"]
    return Readable(
        role,
        [_part(each) for each in contents if each["type"] != "function_call"],
        name=native.get("author_name"),
        function_calls=[
            function_call(each.get("call_id"), str(each.get("name")), each.get("arguments") or "{}") for each in calls
        ],
    )


def _part(content: Mapping[str, Any]) -> JsonObject:
    """Return a content as a reader sees it; of what nobody reads, its kind."""
    kind = str(content["type"])
    text = content.get("text")
    if kind == "text_reasoning":
        return thought_part(text or "")
    if kind == "function_result":
        return {"type": kind, "call_id": content.get("call_id") or "", "result": _answer(content)}
    if isinstance(content.get("uri"), str):
        is_image = str(content.get("media_type", "")).startswith("image/")
        return file_part(content["uri"], "image" if is_image else "file")
    said = text if isinstance(text, str) else content.get("message") if kind == "error" else None
    return text_part(said) if isinstance(said, str) else {"type": kind}


def _answer(content: Mapping[str, Any]) -> str:
    result = content.get("result")
    return result if isinstance(result, str) else str(content.get("exception") or "")


def _said(message: Message) -> AgentMessage:
    """Return a message of the framework for the readable fields of one."""
    text, role = plain_text(message["content"]), message["role"]
    if role == "tool":
        return AgentMessage("tool", [Content.from_function_result(message["tool_call_id"] or "", result=text)])
    contents = [Content.from_text(text)] if text or not message["function_calls"] else []
    for call in message["function_calls"]:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(call, dict) and isinstance(function, dict):
            contents.append(
                Content.from_function_call(
                    str(call.get("id")), str(function.get("name")), arguments=function.get("arguments")
                )
            )
    return AgentMessage(role, contents, author_name=message["name"])
