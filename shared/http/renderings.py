"""The shapes in which sessions are handed over: as JSON, as lines of JSON, for people and for models."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from shared.models import JsonObject, Message, Session, format_time, stored_json


class Rendering(ABC):
    """Writes one answer of an export; a session may take several."""

    media_type: str
    extension: str

    @abstractmethod
    def message(self, message: Message) -> str | None:
        """Write one message; None leaves it out."""

    @abstractmethod
    def document(self, session: Session, messages: Sequence[str], next_cursor: str | None, *, first: bool) -> str:
        """Put an answer together; `first` tells whether the session begins in it."""


class Json(Rendering):
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


class Lines(Rendering):
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

    def message(self, message: Message) -> str | None:
        """Write one message as a model's API takes it; nothing of a redacted one."""
        return None if message.is_redacted else stored_json(for_model(message))

    def document(self, session: Session, messages: Sequence[str], next_cursor: str | None, *, first: bool) -> str:  # noqa: ARG002 - a model needs none
        """Return one array."""
        return f"[{','.join(messages)}]"


class Markdown(Rendering):
    """A text for people: what was said stays as it was written, code blocks included."""

    media_type = "text/markdown"
    extension = "md"

    def message(self, message: Message) -> str:
        """Write one message under a line that says who spoke, and when."""
        speaker = f"{message.role} ({message.name})" if message.name else message.role
        said = "*(redacted)*" if message.is_redacted else _readable(message)
        return f"\n---\n\n**{speaker}** · {format_time(message.created_at)}\n\n{said}\n"

    def document(self, session: Session, messages: Sequence[str], next_cursor: str | None, *, first: bool) -> str:  # noqa: ARG002 - a page needs none
        """Return a part of the text, the session's name before the first."""
        name = (session.session_name or session.id).replace("\n", " ")
        heading = f"# {name}\n\n{session.message_count} messages, {format_time(session.created_at)}\n" if first else ""
        return heading + "".join(messages)


def for_model(message: Message) -> JsonObject:
    """Return a message as a model's API takes it."""
    optional = {
        "tool_calls": message.function_calls,
        "tool_call_id": message.tool_call_id,
        "name": message.name,
    }
    return {"role": message.role, "content": message.content} | {key: value for key, value in optional.items() if value}


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


def _readable(message: Message) -> str:
    parts = [message.content] if isinstance(message.content, str) else [*map(_readable_part, message.content)]
    called = [f"```json\n{stored_json(call)}\n```" for call in message.function_calls]
    return "\n\n".join(part for part in (*parts, *called) if part)


def _readable_part(part: JsonObject) -> str:
    text = part.get("text")
    return text if isinstance(text, str) else f"```json\n{stored_json(part)}\n```"
