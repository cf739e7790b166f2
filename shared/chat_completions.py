"""Messages as a chat completions API takes them: every call of a tool with its answer, and nothing it would refuse.

The API refuses an answer of a tool without its call before it, and a call without its answer directly behind it.
A page, a role filter, a fork, a rewind or a redaction can part the two; what is left of them is left out then.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple, NotRequired

from pydantic import Field
from typing_extensions import TypedDict  # pydantic asks for this one before Python 3.12

from shared.models import JsonObject, Message, Role, meanings, stored_json

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # of people and of functions; platform.openai.com/docs/api-reference/chat

# How frameworks call what the API calls `id`, `name` and `arguments`; the first that is there counts.
_KINDS = ("function", "function_call", "tool_call", "tool_use", "tool-call")
_IDS = ("call_id", "tool_call_id", "toolCallId", "tool_id", "id")
_NAMES = ("name", "tool_name", "toolName")
_ARGUMENTS = ("arguments", "args", "input", "tool_kwargs")

# Content parts of users beside text, and the texts one of which sets must be in them.
_PARTS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "image_url": (("url",),),
    "input_audio": (("data", "format"),),
    "file": (("file_data",), ("file_id",)),
}


class OpenAIMessage(TypedDict):
    """A message as a model's API takes it; `tool_calls`, `tool_call_id` and `name` only where there are any."""

    role: Annotated[Role, meanings.ROLE]
    content: Annotated[str | list[JsonObject], meanings.CONTENT]
    tool_calls: NotRequired[
        Annotated[list[JsonObject], Field(description="The calls that are answered, as the API writes them.")]
    ]
    tool_call_id: NotRequired[Annotated[str, meanings.TOOL_CALL_ID]]
    name: NotRequired[Annotated[str, meanings.NAME]]


class Written(NamedTuple):
    """Messages for a model; `left_out` counts those that are not there, or not with everything they held."""

    messages: list[OpenAIMessage]
    left_out: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """One message before it is known which of its calls were answered."""

    fields: OpenAIMessage
    calls: Mapping[str, JsonObject]
    is_whole: bool

    @property
    def answers(self) -> str | None:
        return self.fields.get("tool_call_id")


def for_model(messages: Sequence[Message]) -> Written:
    """Return messages, oldest first, as a chat completions API takes them.

    A redacted message is left out. So are calls without an answer directly behind them, answers without such a call,
    further answers to one call, calls and content parts that the API does not know and that cannot be written as it
    knows them, and a message that says nothing without what it has lost.
    """
    entries = [entry for entry in map(_entry, messages) if entry]
    written: list[OpenAIMessage] = []
    whole = 0
    begins = [place for place, entry in enumerate(entries) if entry.fields["role"] != "tool"]
    for begin, end in zip(begins, [*begins, len(entries)][1:], strict=True):
        paired = _paired(entries[begin], entries[begin + 1 : end])
        written += [entry.fields for entry in paired]
        whole += sum(entry.is_whole for entry in paired)
    return Written(written, len(messages) - whole)


def joins_the_one_before(message: Message) -> bool:
    """Return whether a message may answer a call of the one before it, so that the two had better stay together."""
    entry = _entry(message)
    return entry is None or entry.fields["role"] == "tool"


def _paired(asking: _Entry, behind: Sequence[_Entry]) -> list[_Entry]:
    """Return a message with those of its calls that are answered, and their answers."""
    answers: dict[str, _Entry] = {}
    for entry in behind:
        if entry.answers in asking.calls:
            answers.setdefault(str(entry.answers), entry)
    calls = [call for name, call in asking.calls.items() if name in answers]
    if calls:
        with_calls: OpenAIMessage = {**asking.fields, "tool_calls": calls}
        return [_Entry(with_calls, {}, asking.is_whole and len(calls) == len(asking.calls)), *answers.values()]
    if asking.calls and not asking.fields["content"]:
        return []
    return [_Entry(asking.fields, {}, asking.is_whole and not asking.calls)]


def _entry(message: Message) -> _Entry | None:
    """Return a message by itself; None when there is nothing of it to hand over."""
    if message.is_redacted or (message.role == "tool" and not message.tool_call_id):
        return None
    content = _content(message)
    calls = _calls(message) if message.role == "assistant" else {}
    lost = len(calls) < len(message.function_calls) or len(content) < len(message.content)
    if lost and not content and not calls and message.role != "tool":  # an answer counts without what it holds, too
        return None
    fields: OpenAIMessage = {"role": message.role, "content": content or ""}
    if message.role == "tool" and message.tool_call_id:
        fields["tool_call_id"] = message.tool_call_id
    if message.name and NAME.fullmatch(message.name):
        fields["name"] = message.name
    return _Entry(fields, calls, is_whole=not lost)


def _content(message: Message) -> str | list[JsonObject]:
    if isinstance(message.content, str):
        return message.content
    return [part for part in (_part(message, part) for part in message.content) if part]


def _part(message: Message, part: JsonObject) -> JsonObject | None:
    """Return a content part as the API knows it, any other that has a text as text."""
    if isinstance(part.get("text"), str):
        return {"type": "text", "text": part["text"]}
    kind = part.get("type")
    if message.role == "assistant" and kind == "refusal" and isinstance(part.get("refusal"), str):
        return {"type": "refusal", "refusal": part["refusal"]}
    held = part.get(kind) if message.role == "user" and isinstance(kind, str) and kind in _PARTS else None
    if not isinstance(held, dict):
        return None
    is_known = any(all(isinstance(held.get(name), str) for name in names) for names in _PARTS[str(kind)])
    return {"type": kind, str(kind): held} if is_known else None


def _calls(message: Message) -> dict[str, JsonObject]:
    """Return the calls of a message that the API takes, by their ids; the first where one id is there twice."""
    calls: dict[str, JsonObject] = {}
    for given in message.function_calls:
        call = _call(given) if isinstance(given, dict) else None
        if call:
            calls.setdefault(call["id"], call)
    return calls


def _call(given: JsonObject) -> JsonObject | None:
    """Return a call as the API writes it, whatever framework has written it; None when it lacks something."""
    if given.get("type", "function") not in _KINDS:
        return None
    told = given["function"] if isinstance(given.get("function"), dict) else given
    call_id, name = _text(given, _IDS), _text(told, _NAMES)
    arguments = next((told[key] for key in _ARGUMENTS if key in told), None)
    if isinstance(arguments, dict):
        arguments = stored_json(arguments)
    if not call_id or not NAME.fullmatch(name) or not isinstance(arguments, str):
        return None
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _text(fields: JsonObject, names: Sequence[str]) -> str:
    return next((fields[name] for name in names if isinstance(fields.get(name), str) and fields[name]), "")
