"""The shapes in which sessions are handed over: as JSON, as lines of JSON, for people and for models."""

import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple
from unicodedata import category

from typing_extensions import override

from shared.chat_completions import for_model, roles_for_model
from shared.models import JsonObject, Message, Role, Session, format_time, stored_bytes, stored_json

SYNTAX = re.compile(r"[\\`*_\[\]<>#~|!&$^]")  # what Markdown and its usual extensions read inside of a line
LINE_END = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")  # all that any reader takes for one, Markdown or not
UNSEEN = {"Cc", "Zl", "Zp"}  # control characters and separators of lines
TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # the order of a line
GROUP_BYTES = 6_000_000  # of messages that stay together in one answer; a longer group is cut
LEAST_MESSAGE_BYTES = 1_000  # that one is taken for, so that a group has an end whatever is in it


class Rendered(NamedTuple):
    """Messages as they stand in an answer; `left_out` counts those that do not, or not with everything they held."""

    texts: list[str]
    left_out: int = 0


class Rendering(ABC):
    """Writes one answer of an export; a session may take several."""

    media_type: str
    extension: str

    @abstractmethod
    def groups(self, messages: AsyncIterator[Message]) -> AsyncIterator[list[Message]]:
        """Yield messages that have to stand in one answer together."""

    @abstractmethod
    def group(self, messages: Sequence[Message]) -> Rendered:
        """Write messages that belong together."""

    @abstractmethod
    def document(self, session: Session, messages: Sequence[str], next_cursor: str | None, *, first: bool) -> str:
        """Put an answer together; `first` tells whether the session begins in it."""


class OneByOne(Rendering):
    """Writes every message by itself."""

    @override
    async def groups(self, messages: AsyncIterator[Message]) -> AsyncIterator[list[Message]]:
        async for message in messages:
            yield [message]

    @override
    def group(self, messages: Sequence[Message]) -> Rendered:
        return Rendered([self.message(message) for message in messages])

    @abstractmethod
    def message(self, message: Message) -> str:
        """Write one message."""


class Json(OneByOne):
    """A session as the API answers it, with a part of its messages."""

    media_type = "application/json"
    extension = "json"

    def message(self, message: Message) -> str:
        """Write one message as the API answers it."""
        return message.model_dump_json()

    def document(self, session: Session, messages: Sequence[str], next_cursor: str | None, *, first: bool) -> str:  # noqa: ARG002 - the session is in every answer
        """Return one JSON object."""
        more = stored_json({"has_more": next_cursor is not None, "next_cursor": next_cursor})
        return f'{session.model_dump_json()[:-1]},"messages":[{",".join(messages)}],{more[1:]}'


class Lines(OneByOne):
    """A line for the session and one for each message, as the importer reads them."""

    media_type = "application/x-ndjson"
    extension = "ndjson"

    def __init__(self, session_id: str) -> None:
        """Name that session in the lines of its messages."""
        self._session_id = session_id

    def message(self, message: Message) -> str:
        """Write one message as a line."""
        return _line("message", {"session_id": self._session_id} | message.model_dump(mode="json"))

    def document(self, session: Session, messages: Sequence[str], next_cursor: str | None, *, first: bool) -> str:  # noqa: ARG002 - lines need none
        """Return the lines, the session's before those of its messages."""
        return "".join([_line("session", session.model_dump(mode="json")), *messages] if first else messages)


class OpenAI(Rendering):
    """An array that a model's API takes."""

    media_type = "application/json"
    extension = "json"

    async def groups(self, messages: AsyncIterator[Message]) -> AsyncIterator[list[Message]]:
        """Yield what is written by itself: what somebody says, an assistant with the tools' answers to it."""
        group: list[Message] = []
        size = 0
        last: Role | None = None
        async for message in messages:
            roles = roles_for_model(message)
            goes_on = not roles or roles[0] == "tool" or roles[0] == last == "assistant"
            taken = LEAST_MESSAGE_BYTES + stored_bytes([message.content, message.function_calls])
            if group and not (goes_on and size + taken <= GROUP_BYTES):
                yield group
                group, size = [], 0
            group.append(message)
            size += taken
            last = roles[-1] if roles else last
        if group:
            yield group

    def group(self, messages: Sequence[Message]) -> Rendered:
        """Write a message and the answers to its calls."""
        written = for_model(messages)
        return Rendered([stored_json(message) for message in written.messages], written.left_out)

    def document(self, session: Session, messages: Sequence[str], next_cursor: str | None, *, first: bool) -> str:  # noqa: ARG002 - a model needs none
        """Return one array."""
        return f"[{','.join(messages)}]"


class Markdown(OneByOne):
    """A text for people: what was said stays as it was written, code blocks included, in a block quote.

    So nothing that was said can be taken for a heading, end a code block of its own behind its message, or speak for
    somebody else; a name in a heading is one line of plain text.
    """

    media_type = "text/markdown"
    extension = "md"

    def message(self, message: Message) -> str:
        """Write one message under a line that says who spoke, and when."""
        name = _plain_line(message.name or "")
        speaker = f"{message.role} ({name})" if name else message.role
        said = "*(redacted)*" if message.is_redacted else _quoted(_readable(message))
        return f"\n---\n\n**{speaker}** · {format_time(message.created_at)}\n\n{said}\n"

    def document(self, session: Session, messages: Sequence[str], next_cursor: str | None, *, first: bool) -> str:  # noqa: ARG002 - a page needs none
        """Return a part of the text, the session's name before the first."""
        name = _plain_line(session.session_name or "") or session.id
        heading = f"# {name}\n\n{session.message_count} messages, {format_time(session.created_at)}\n" if first else ""
        return heading + "".join(messages)


def rendering_of(form: str, session_id: str) -> Rendering:
    """Return how to write a session in that format."""
    forms: Mapping[str, Rendering] = {
        "json": Json(),
        "ndjson": Lines(session_id),
        "markdown": Markdown(),
        "openai": OpenAI(),
    }
    return forms[form]


def _line(kind: str, fields: JsonObject) -> str:
    return stored_json({"type": kind} | fields) + "\n"


def _plain_line(text: str) -> str:
    """Return a text as one line that Markdown shows as it is, without characters that are not seen or turn a line."""
    seen = "".join(" " if category(character) in UNSEEN or character in TURNING else character for character in text)
    return SYNTAX.sub(r"\\\g<0>", " ".join(seen.split()))


def _quoted(text: str) -> str:
    """Return a text as a block quote; behind each end of a line begins the next one's mark."""
    return "> " + LINE_END.sub(r"\g<0>> ", text)


def _readable(message: Message) -> str:
    parts = [message.content] if isinstance(message.content, str) else [*map(_readable_part, message.content)]
    called = [f"```json\n{stored_json(call)}\n```" for call in message.function_calls]
    return "\n\n".join(part for part in (*parts, *called) if part)


def _readable_part(part: JsonObject) -> str:
    text = part.get("text")
    return text if isinstance(text, str) else f"```json\n{stored_json(part)}\n```"
