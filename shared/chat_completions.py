"""Messages as a chat completions API takes them: every call of a tool with its answer, and nothing it would refuse.

The API refuses an answer of a tool without its call before it, and a call without its answer directly behind it.
A page, a role filter, a fork, a rewind or a redaction can part the two; what is left of them is left out then.
Frameworks write a whole turn into the parts of one message, or each call into a message of its own (`shared/parts.py`):
the one is cut into the API's messages, the others are put together.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, NamedTuple, NotRequired

from pydantic import Field
from typing_extensions import TypedDict  # pydantic asks for this one before Python 3.12

from shared.models import JsonObject, Message, Role, meanings, stored_json
from shared.parts import STEP, THOUGHTS, ToolAnswer, ToolCall, picture, tool_answer, tool_call

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # of people and of functions; platform.openai.com/docs/api-reference/chat
_TEXTS = ("text", "input_text", "output_text")

# Content parts of users beside text and pictures, and the texts one of which sets must be in them.
_PARTS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "input_audio": (("data", "format"),),
    "file": (("file_data",), ("file_id",)),
}

Content = str | list[JsonObject]


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
    """Messages for a model; `left_out` counts those that are not there, or not with everything they held.

    `sources` says for each of them at which place of the messages given it comes from.
    """

    messages: list[OpenAIMessage]
    left_out: int
    sources: list[int]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A message of the API before it is known which of its calls were answered; `source` is where it comes from."""

    source: int
    fields: OpenAIMessage
    calls: Mapping[str, JsonObject] = field(default_factory=dict)


@dataclass(slots=True)
class _Step:
    """What was said at once, the calls made then, and the answers to them, which come after."""

    text: str = ""
    parts: list[JsonObject] = field(default_factory=list)
    calls: dict[str, JsonObject] = field(default_factory=dict)
    answers: dict[str, Content] = field(default_factory=dict)

    @property
    def content(self) -> Content:
        return self.parts or self.text


def for_model(messages: Sequence[Message]) -> Written:
    """Return messages, oldest first, as a chat completions API takes them; `content` is never null.

    Calls made before the first answer become one message's, also where several messages made them; a message that
    holds calls and their answers becomes several. Left out are redacted messages, calls without an answer directly
    behind them, answers without such a call, further answers to one call, thoughts, calls and content parts that the
    API does not know and that cannot be written as it knows them, and a message that says nothing without what it has
    lost.
    """
    lost: set[int] = set()
    entries = [entry for source, message in enumerate(messages) for entry in _entries(message, source, lost)]
    written: list[_Entry] = []
    begin = 0
    while begin < len(entries):
        answers = _end_of(entries, begin, "assistant")
        if answers == begin and entries[begin].fields["role"] != "tool":
            answers += 1
        end = _end_of(entries, answers, "tool")
        written += _paired(entries[begin:answers], entries[answers:end], lost)
        begin = end
    return Written([entry.fields for entry in written], len(lost), [entry.source for entry in written])


def roles_for_model(message: Message) -> list[Role]:
    """Return the roles under which a message is written by itself, in their order; none where nothing of it is.

    An answer has to stay with what is before it, and what an assistant says with what it said just before.
    """
    return [entry.fields["role"] for entry in _entries(message, 0, set())]


def _end_of(entries: Sequence[_Entry], begin: int, role: Role) -> int:
    """Return where a run of one role that begins there ends."""
    places = range(begin, len(entries))
    return next((place for place in places if entries[place].fields["role"] != role), len(entries))


def _paired(asking: Sequence[_Entry], behind: Sequence[_Entry], lost: set[int]) -> Iterator[_Entry]:
    """Yield messages, with the last of them those calls of all that are answered, and the answers."""
    calls: dict[str, JsonObject] = {}
    for entry in asking:
        if not calls.keys().isdisjoint(entry.calls):
            lost.add(entry.source)
        calls = {**calls, **entry.calls, **calls}  # in their order, the first of one id
    answers: dict[str, _Entry] = {}
    for entry in behind:
        call_id = entry.fields["tool_call_id"]
        if call_id in calls and call_id not in answers:
            answers[call_id] = entry
        else:
            lost.add(entry.source)
    lost.update(entry.source for entry in asking if not entry.calls.keys() <= answers.keys())
    answered = [call for call_id, call in calls.items() if call_id in answers]
    for place, entry in enumerate(asking, 1):
        if answered and place == len(asking):
            yield _Entry(entry.source, {**entry.fields, "tool_calls": answered})
        elif entry.fields["content"] or not entry.calls:
            yield entry
    yield from answers.values()


def _entries(message: Message, source: int, lost: set[int]) -> list[_Entry]:
    """Return what the API takes of a message by itself; where that is not all of it, its source is lost."""
    reading = _Reading(message)
    entries = [_Entry(source, *each) for step in reading.steps for each in _written(message, step)]
    if not entries and _says_nothing(message):
        return [_Entry(source, _said_by(message, ""))]
    if not (reading.is_whole and entries):
        lost.add(source)
    return entries


def _says_nothing(message: Message) -> bool:
    """Return whether a message was empty from the beginning."""
    return not (message.content or message.function_calls or message.is_redacted or message.role == "tool")


def _written(message: Message, step: _Step) -> Iterator[tuple[OpenAIMessage, Mapping[str, JsonObject]]]:
    """Yield what an assistant says in a step before the answers to its calls, and what others say after them."""
    content = step.content
    if message.role == "assistant" and (content or step.calls):
        yield _said_by(message, content), step.calls
    for call_id, output in step.answers.items():
        answer: OpenAIMessage = {"role": "tool", "content": output, "tool_call_id": call_id}
        yield answer, {}
    if message.role == "tool":
        if message.tool_call_id and (content or not step.answers) and not message.is_redacted:
            answer = {**_said_by(message, content), "tool_call_id": message.tool_call_id}
            yield answer, {}
    elif message.role != "assistant" and content:
        yield _said_by(message, content), {}


def _said_by(message: Message, content: Content) -> OpenAIMessage:
    said: OpenAIMessage = {"role": message.role, "content": content or ""}
    if message.name and NAME.fullmatch(message.name):
        said["name"] = message.name
    return said


class _Reading:
    """A message cut into steps; `is_whole` while everything that it holds has a place in them."""

    def __init__(self, message: Message) -> None:
        self._role = message.role
        self.steps = [_Step()]
        self.is_whole = True
        if isinstance(message.content, str):
            self.steps[0].text = message.content
        else:
            for part in message.content:
                self._take(part)
        if self._role == "tool" and not message.tool_call_id and any(step.content for step in self.steps):
            self.is_whole = False
        told = {call_id for step in self.steps for call_id in step.calls}
        for given in message.function_calls:
            call = tool_call(given) if isinstance(given, dict) else None
            if call is None or call.id not in told:  # some frameworks write a call among the parts, too
                self._take_call(call)

    def _take(self, part: JsonObject) -> None:
        """Put a content part into the last step, or into a new one where that was answered already."""
        call, answer = tool_call(part), tool_answer(part)
        if part.get("type") == STEP:
            self.steps.append(_Step())
        elif call or answer:
            if call:
                self._take_call(call)
            if answer:
                self._take_answer(answer)
        elif said := _part(self._role, part):
            if self._role == "assistant" and self.steps[-1].answers:
                self.steps.append(_Step())
            self.steps[-1].parts.append(said)
        else:
            self.is_whole = False

    def _take_call(self, call: ToolCall | None) -> None:
        """Put a call into the step in which it is answered, else into the last."""
        if call is None or self._role != "assistant" or not NAME.fullmatch(call.name):
            self.is_whole = False
            return
        step = next((step for step in self.steps if call.id in step.answers), self.steps[-1])
        if call.id in step.calls:
            self.is_whole = False
        else:
            told = {"name": call.name, "arguments": call.arguments}
            step.calls[call.id] = {"id": call.id, "type": "function", "function": told}

    def _take_answer(self, answer: ToolAnswer) -> None:
        output, is_whole = _output(answer.output)
        answers = self.steps[-1].answers
        if answer.call_id in answers or not is_whole:
            self.is_whole = False
        answers.setdefault(answer.call_id, output)


def _output(value: object) -> tuple[Content, bool]:
    """Return an answer as text or as parts of it, anything else as JSON text; and whether that is all of it."""
    if isinstance(value, str):
        return value, True
    if isinstance(value, list) and value and all(map(_is_shown, value)):
        parts = [part for part in (_part("tool", each) for each in value) if part]
        return parts or "", len(parts) == len(value)
    return ("" if value is None else stored_json(value)), True


def _is_shown(item: object) -> bool:
    """Return whether an item of an answer is a part of it, a text or a picture."""
    if not isinstance(item, dict):
        return False
    return (item.get("type") in _TEXTS and isinstance(item.get("text"), str)) or picture(item) is not None


def _part(role: Role, part: JsonObject) -> JsonObject | None:
    """Return a content part as the API knows it, any other that has a text as text; None where it takes none."""
    kind = str(part.get("type"))
    if kind in THOUGHTS:
        return None
    if isinstance(part.get("text"), str):
        return {"type": "text", "text": part["text"]}
    if role == "assistant" and kind == "refusal" and isinstance(part.get("refusal"), str):
        return {"type": "refusal", "refusal": part["refusal"]}
    if role != "user":
        return None
    held = part.get(kind) if kind in _PARTS else None
    if not isinstance(held, dict):
        return picture(part)
    is_known = any(all(isinstance(held.get(name), str) for name in names) for names in _PARTS[kind])
    return {"type": kind, kind: held} if is_known else None
