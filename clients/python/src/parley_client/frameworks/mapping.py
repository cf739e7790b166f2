"""A framework's message as a message of Parley: readable by everyone, and exactly what it was for the framework.

What people, search and models read is in Parley's own fields. The framework's own JSON is in `raw`, under the
framework's name, and comes back equal whatever it holds: order of names, `1.0`, numbers beyond 2**53, half emoji.
A longer text that is in the readable fields already is not stored twice: in `raw` a `{"$text": N}` without the space
stands for the Nth of them. What is over the 512 KiB that `raw` takes goes on in a content part of type `raw`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from parley_client.calls import JsonObject

MAX_RAW_BYTES: Final = 512 * 1024
MAX_CALLS: Final = 128
MAX_CALLS_BYTES: Final = 256 * 1024
MAX_LABEL_CHARACTERS: Final = 256  # of `name` and `tool_call_id`
SHORT_CHARACTERS: Final = 32  # a text up to here is not worth a reference
SAYING: Final = ("text", "result", "reasoning")  # fields of a content part that say something, the first that is there
SURROGATE: Final = re.compile("[\ud800-\udfff]")
REFERENCE: Final = re.compile(r'\{"\$text":(\d+)\}')

Role = Literal["user", "assistant", "system", "developer", "tool"]


@dataclass(frozen=True, slots=True)
class Readable:
    """What a message says to people, to search and to a model."""

    role: Role
    content: str | Sequence[Mapping[str, Any]] = ""
    name: str | None = None
    function_calls: Sequence[JsonObject] = field(default=())
    tool_call_id: str | None = None


def text_part(text: str) -> JsonObject:
    """Return a text as a content part."""
    return {"type": "text", "text": text}


def thought_part(text: str) -> JsonObject:
    """Return a model's reasoning as a content part: search finds it, and no model is told it."""
    return {"type": "reasoning", "reasoning": text}


def file_part(url: str | None, kind: str = "file") -> JsonObject:
    """Return an image or a file as a content part: its address, or a word about it where it is the data itself."""
    if url and not url.startswith("data:"):
        return {"type": "image_url", "image_url": {"url": url}} if kind == "image" else text_part(f"[{kind}: {url}]")
    said = (url or "").partition(",")[0].removeprefix("data:").partition(";")[0] or kind
    return text_part(f"[{said}, {_kilobytes(url or '')} kB]" if url else f"[{kind}]")


def _kilobytes(data_url: str) -> int:
    return max(1, round(len(data_url.partition(",")[2]) * 3 / 4 / 1000))


def function_call(call_id: str | None, name: str, arguments: object) -> JsonObject:
    """Return the call of a tool as chat completions APIs write it; arguments are JSON text or what is to be that."""
    text = arguments if isinstance(arguments, str) else json_text(arguments)
    function = {"name": _clean(name), "arguments": _clean(text)}
    return {"id": _clean(call_id or ""), "type": "function", "function": function}


def json_text(value: object) -> str:
    """Write JSON as short as it can be; half an emoji is escaped, because UTF-8 cannot carry it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def to_message(framework: str, native: object, readable: Readable) -> JsonObject:
    """Return the message to store for a framework's own one, which must be JSON; Parley gives it an id."""
    message = _readable_fields(readable)
    message["raw"], rest = _cut(_abridged(json_text({framework: native}), _texts(message)), MAX_RAW_BYTES)
    if rest:
        content = message["content"]
        parts = [text_part(content)] if isinstance(content, str) else content
        message["content"] = [*parts, {"type": "raw", "data": rest}]
    return message


def native_of(framework: str, message: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever the framework stored
    """Return what `to_message` was given; None for a message of another origin, which is read by its fields."""
    if message["raw"] is None:
        return None
    parts = message["content"] if isinstance(message["content"], list) else []
    abridged = message["raw"] + "".join(part.get("data", "") for part in parts if part["type"] == "raw")
    try:
        native = json.loads(_unabridged(abridged, _texts(message)))
    except (ValueError, IndexError):  # another client's own
        return None
    return native.get(framework) if isinstance(native, dict) else None


def _abridged(exact: str, texts: Sequence[str]) -> str:
    """Return JSON text with references in the place of these texts."""
    exact = exact.replace('{"$text":', '{"$text" :')  # the same JSON, and no reference
    abridged = exact
    for number, text in enumerate(texts):
        if len(text) > SHORT_CHARACTERS:
            abridged = abridged.replace(json_text(text), f'{{"$text":{number}}}')
    return abridged if _unabridged(abridged, texts) == exact else exact


def _unabridged(abridged: str, texts: Sequence[str]) -> str:
    return REFERENCE.sub(lambda found: json_text(texts[int(found[1])]), abridged)


def is_redacted(message: Mapping[str, Any]) -> bool:
    """Return whether what a message said was taken away."""
    return message["metadata"].get("redacted") is True and not message["content"] and message["raw"] is None


def plain_text(content: str | Sequence[Mapping[str, Any]]) -> str:
    """Return the text of a message's content; of parts, what they hold as `text`, a line each."""
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content if isinstance(part.get("text"), str))


def _readable_fields(readable: Readable) -> JsonObject:
    """Return a message's fields without what Parley would refuse: that is in `raw` all the same."""
    calls = list(readable.function_calls)
    is_too_much = len(calls) > MAX_CALLS or len(json_text(calls).encode()) > MAX_CALLS_BYTES
    fields = {
        "role": readable.role,
        "content": _clean(readable.content) if isinstance(readable.content, str) else _parts(readable.content),
        "name": _label(readable.name),
        "function_calls": [] if is_too_much else calls,
        "tool_call_id": _label(readable.tool_call_id),
    }
    return {name: value for name, value in fields.items() if value or name == "content"}


def _parts(content: Sequence[Mapping[str, Any]]) -> str | list[JsonObject]:
    """Return content parts, a single text as that text."""
    parts: list[JsonObject] = [
        {name: _clean(value) if name in SAYING and isinstance(value, str) else value for name, value in part.items()}
        for part in content
    ]
    return parts[0]["text"] if len(parts) == 1 and parts[0]["type"] == "text" else parts or ""


def _label(text: str | None) -> str | None:
    return _clean(text) if text and len(text) <= MAX_LABEL_CHARACTERS else None


def _clean(text: str) -> str:
    return SURROGATE.sub("\ufffd", text)


def _texts(message: Mapping[str, Any]) -> list[str]:
    """Return the texts that may be long, in the order in which they are numbered."""
    content = message["content"]
    said = [content] if isinstance(content, str) else [_said(part) for part in content]
    return [*map(_arguments, message.get("function_calls", [])), *said]


def _said(part: Mapping[str, Any]) -> str:
    return next((part[name] for name in SAYING if isinstance(part.get(name), str)), "")


def _arguments(call: object) -> str:
    function = call.get("function") if isinstance(call, dict) else None
    arguments = function.get("arguments") if isinstance(function, dict) else None
    return arguments if isinstance(arguments, str) else ""


def _cut(text: str, limit: int) -> tuple[str, str]:
    """Return as much of a text as fits into so many bytes, and the rest."""
    encoded = text.encode()
    if len(encoded) <= limit:
        return text, ""
    begin = encoded[:limit].decode(errors="ignore")
    return begin, text[len(begin) :]
