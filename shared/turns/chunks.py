"""What a chat completions API streams, put together: the text as it comes, and at last how it ended."""

import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shared.errors import ContentFilteredError, ModelFailedError
from shared.models import JsonObject, stored_bytes
from shared.models.values import MAX_ATTACHMENT_BYTES, MAX_ATTACHMENTS

MAX_NAME_CHARACTERS = 128
CUT_OFF = {"length", "content_filter"}  # reasons to end in the middle of whatever was being said


class Tokens(NamedTuple):
    """What the model counted."""

    input: int
    output: int


@dataclass(frozen=True, slots=True)
class Ended:
    """How a reply ended: why, with which calls of tools, by which model, and what it took if the model told."""

    finish_reason: str
    calls: list[JsonObject] = field(default_factory=list)
    model: str | None = None
    tokens: Tokens | None = None


class Assembly:
    """Puts chunks together; what is not as the API has it counts for nothing, an error or what is no JSON ends all."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.finish_reason: str | None = None
        self._calls: list[dict[str, str]] = []
        self._call_at: dict[int, dict[str, str]] = {}  # by index, the newest of it
        self._model: str | None = None
        self._tokens: Tokens | None = None

    def add(self, data: bytes) -> str:
        """Take one chunk, and return the text it adds; raises ModelFailedError, ContentFilteredError."""
        chunk = _object(data)
        if chunk.get("error"):
            raise ContentFilteredError if is_filtered(chunk) else ModelFailedError
        self._model = _text(chunk.get("model"))[:MAX_NAME_CHARACTERS] or self._model
        if isinstance(usage := chunk.get("usage"), dict):
            self._tokens = Tokens(_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")))
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        self.finish_reason = _text(choice.get("finish_reason"))[:MAX_NAME_CHARACTERS] or self.finish_reason
        delta = choice.get("delta")
        return self._add_delta(delta) if isinstance(delta, dict) else ""

    def ended(self) -> Ended:
        """Return how it ended; raises ModelFailedError where it broke off, or its calls are more than may be stored.

        Calls that were cut off are no calls.
        """
        if self.finish_reason is None:
            raise ModelFailedError
        is_cut = self.finish_reason in CUT_OFF
        if not is_cut and any(call["arguments"] and not call["name"] for call in self._calls):
            raise ModelFailedError
        named = [call for call in self._calls if call["name"] and not (is_cut and not _is_object(call["arguments"]))]
        calls = [_call(number, call) for number, call in enumerate(named)]
        if len(calls) > MAX_ATTACHMENTS or stored_bytes(calls) > MAX_ATTACHMENT_BYTES:
            raise ModelFailedError
        return Ended(self.finish_reason, calls, self._model, self._tokens)

    def _add_delta(self, delta: JsonObject) -> str:
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict):
                self._add_call(call)
        return _text(delta.get("content")) + _text(delta.get("refusal"))

    def _add_call(self, piece: JsonObject) -> None:
        """Take a piece of a call; endpoints differ in what they say of which call it is."""
        told = piece.get("function")
        told = told if isinstance(told, dict) else {}
        call_id, name = _text(piece.get("id")), _text(told.get("name"))
        call = self._call_of(piece.get("index"), call_id, name)
        call["id"] = call["id"] or call_id
        call["name"] = call["name"] or name
        arguments = told.get("arguments")
        call["arguments"] += _text(json.dumps(arguments) if isinstance(arguments, dict) else arguments)

    def _call_of(self, index: object, call_id: str, name: str) -> dict[str, str]:
        """Return the call that a piece belongs to: that of its index, else of its id, else the last; or a new one.

        Some give every call the same index, some every piece another id, and some no index: a piece begins a call of
        its own where it names a function and the call so far has all that a call needs.
        """
        known = self._call_at.get(index) if isinstance(index, int) else self._call_without_index(call_id, name)
        if known is None or _begins_another(known, call_id, name):
            known = _NO_CALL.copy()
            self._calls.append(known)
        if isinstance(index, int):
            self._call_at[index] = known
        return known

    def _call_without_index(self, call_id: str, name: str) -> dict[str, str] | None:
        named = next((call for call in self._calls if call_id and call["id"] == call_id), None)
        return named or (self._calls[-1] if self._calls and not name else None)


def _begins_another(call: dict[str, str], call_id: str, name: str) -> bool:
    if not (name and call["name"]) or (call_id and call_id == call["id"]):
        return False
    return name != call["name"] or (bool(call["arguments"]) and _is_object(call["arguments"]))


_NO_CALL = {"id": "", "name": "", "arguments": ""}


def is_filtered(answer: JsonObject) -> bool:
    """Return whether an error says that a content filter was the reason."""
    return "content_filter" in _codes(answer) or "ResponsibleAIPolicyViolation" in _codes(answer)


def is_too_long(answer: JsonObject) -> bool:
    """Return whether an error says that the prompt was too long, in the words of the servers that were tried."""
    if _codes(answer) & {"context_length_exceeded", "exceed_context_size_error"}:
        return True
    error = answer.get("error")
    told = error.get("message") if isinstance(error, dict) else error
    text = str(told or answer.get("message") or "").lower()
    return any(words in text for words in ("context length", "context size", "context window", "too long"))


def _codes(answer: JsonObject) -> set[object]:
    error = answer.get("error")
    error = error if isinstance(error, dict) else {}
    inner = error.get("innererror")
    named = (error.get("code"), error.get("type"), inner.get("code") if isinstance(inner, dict) else None)
    return {name for name in named if isinstance(name, str)}


def _call(number: int, call: dict[str, str]) -> JsonObject:
    function = {"name": call["name"], "arguments": call["arguments"] or "{}"}
    return {"id": call["id"] or f"call_{number}", "type": "function", "function": function}


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text or "{}"), dict)
    except ValueError:
        return False


def _object(data: bytes) -> JsonObject:
    try:
        found: Any = json.loads(data)
    except ValueError as error:
        raise ModelFailedError from error
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**40 else 0
