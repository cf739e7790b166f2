"""What frameworks write into content parts and calls: calls of tools, their answers, pictures, thoughts and texts.

The names are those of Chat Completions and Responses, LangChain, the AI SDK, Anthropic, pydantic-ai, LlamaIndex and
agent-framework; wherever several are known for one thing, the first that is there counts.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from shared.models import JsonObject, stored_json

THOUGHTS = ("reasoning", "reasoning_content", "text_reasoning", "thinking", "redacted_thinking")
STEP = "step-start"  # where the AI SDK begins the next step of a turn; it says nothing
_CALLS = ("function", "function_call", "tool_call", "tool_use", "tool-call")
_ANSWERS = ("function_call_output", "function_result", "tool_result", "tool-result", "tool-return")
_PICTURES = ("image", "image_url", "input_image", "image-url")
_OF_A_TOOL = "tool-"  # how the AI SDK's `tool-NAME` begins
_ANSWERED = ("output-available", "output-error", "output-denied")  # states of its parts

_IDS = ("call_id", "tool_call_id", "toolCallId", "tool_use_id", "tool_id", "id")
_NAMES = ("name", "tool_name", "toolName")
_ARGUMENTS = ("arguments", "args", "input", "rawInput", "tool_kwargs")
_OUTPUTS = ("output", "result", "content", "errorText", "exception")
_ADDRESSES = ("url", "uri", "image_url")
_BYTES = ("base64", "data", "image")
_MEDIA_TYPES = ("media_type", "mime_type", "mediaType", "image_mimetype")
_THOUGHT_TEXTS = ("text", "thinking", "reasoning", "summary", "content")

ADDRESS = re.compile(r"https?:|data:image/", re.IGNORECASE)  # platform.openai.com/docs/guides/images-vision
_BASE64_URL = re.compile(r"data:[^,]{0,100};base64,")
_SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which an escape in JSON can be and no UTF-8
_JSON_BEGINS = ("{", "[")


class ToolCall(NamedTuple):
    """A call of a tool; its arguments are JSON text."""

    id: str
    name: str
    arguments: str


class ToolAnswer(NamedTuple):
    """What a tool answered: a text, a list of parts, or any other JSON value."""

    call_id: str
    output: object


def tool_call(given: JsonObject) -> ToolCall | None:
    """Return a call, whatever framework has written it; None for anything else, and where something is missing."""
    kind = given.get("type", "function")
    told = given["function"] if isinstance(given.get("function"), dict) else given
    if _is_of_a_tool(given):
        name = _text([given], _NAMES) or str(kind).removeprefix(_OF_A_TOOL)
    elif kind in _CALLS:
        name = _text([told], _NAMES)
    else:
        return None
    call_id, arguments = _text([given], _IDS), _first(told, _ARGUMENTS)
    if isinstance(arguments, dict | list):
        arguments = stored_json(arguments)
    return ToolCall(call_id, name, arguments) if call_id and name and isinstance(arguments, str) else None


def tool_answer(part: JsonObject) -> ToolAnswer | None:
    """Return an answer, which the AI SDK writes into its call's part; None for anything else, and while it is due."""
    if _is_of_a_tool(part):
        if part["state"] not in _ANSWERED or part.get("preliminary"):
            return None
        output = _first(part, _OUTPUTS) if part["state"] != "output-denied" else "The tool was not allowed to run."
    elif part.get("type") in _ANSWERS:
        output = _first(part, _OUTPUTS)
        output = output["value"] if isinstance(output, dict) and output.keys() == {"type", "value"} else output
    else:
        return None
    call_id = _text([part], _IDS)
    return ToolAnswer(call_id, output) if call_id else None


def picture(part: JsonObject) -> JsonObject | None:
    """Return a picture as Chat Completions takes one: an `image_url` of the web or with the picture's own bytes."""
    given = [*(part[name] for name in ("image_url", "source") if isinstance(part.get(name), dict)), part]
    media_type = _text(given, _MEDIA_TYPES)
    if part.get("type") not in _PICTURES and not media_type.startswith("image/"):
        return None
    url, encoded, detail = _text(given, _ADDRESSES), _text(given, _BYTES), _text(given, ("detail",))
    url = url or (encoded if encoded.startswith("data:") else f"data:{media_type};base64,{encoded}")
    if not ADDRESS.match(url):
        return None
    return {"type": "image_url", "image_url": {"url": url} | ({"detail": detail} if detail else {})}


def texts_of(part: JsonObject) -> Iterator[str]:
    """Yield what a content part says to people: its text, a thought, a call's name and arguments, an answer."""
    answer = tool_answer(part)
    if isinstance(part.get("text"), str):
        yield part["text"]
    elif part.get("type") in THOUGHTS:
        yield from _leaves([_said(part[name]) for name in _THOUGHT_TEXTS if name in part])
    elif isinstance(part.get("refusal"), str):
        yield part["refusal"]
    else:
        yield from texts_of_call(part)
    if answer:
        yield from _leaves(answer.output)


def texts_of_call(given: JsonObject | str) -> Iterator[str]:
    """Yield a call's name and what its arguments say; a call that is a text is just that."""
    if isinstance(given, str):
        yield given
    elif call := tool_call(given):
        yield call.name
        yield from _leaves(call.arguments)


def _is_of_a_tool(part: JsonObject) -> bool:
    """Return whether a part is the AI SDK's for a call, which its answer joins later."""
    kind = str(part.get("type"))
    return (kind == "dynamic-tool" or kind.startswith(_OF_A_TOOL)) and "toolCallId" in part and "state" in part


def _said(value: object) -> object:
    """Return the texts of parts, anything else as it is."""
    if not isinstance(value, list):
        return value
    return [each["text"] for each in value if isinstance(each, dict) and "text" in each]


def _leaves(value: object) -> Iterator[str]:
    """Yield the texts and numbers in a JSON value or a text of one, in their order, encoded bytes left out."""
    waiting = [_parsed(value) if isinstance(value, str) else value]
    while waiting:  # no recursion: a text may nest deeper than a message may
        found = waiting.pop()
        if isinstance(found, dict):
            waiting += [*found.values()][::-1]
        elif isinstance(found, list):
            waiting += found[::-1]
        elif isinstance(found, str) and not _BASE64_URL.match(found):
            yield _SURROGATE.sub("\ufffd", found)
        elif isinstance(found, int | float) and not isinstance(found, bool):
            yield str(found)


def _parsed(text: str) -> object:
    """Return the value of a text of JSON, so that an escaped letter is found; any other text as it is."""
    if not text.startswith(_JSON_BEGINS):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _first(fields: JsonObject, names: Sequence[str]) -> object:
    """Return the first of these that holds something; None for none."""
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def _text(given: Sequence[JsonObject], names: Sequence[str]) -> str:
    """Return the first of these that is a text and not empty, in the first object that has one; else the empty text."""
    return next((each[name] for each in given for name in names if isinstance(each.get(name), str) and each[name]), "")
