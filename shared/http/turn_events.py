"""A turn as server-sent events: what was said, the reply as it comes, and how it ended."""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack
from typing import Annotated, Any, NamedTuple
from zlib import crc32

from pydantic import Field
from pydantic_core import to_json
from typing_extensions import TypedDict  # pydantic asks for this one before Python 3.12

from shared.http.problems import problem
from shared.models import Message, meanings
from shared.turns.pending import Answered, Taken

COMMENT_SECONDS = 15.0  # of silence, before a comment says that the stream is alive
COMMENT = b": the reply is being made\n\n"
MEDIA_TYPE = "text/event-stream"
CALLS = "-calls"
EVENT_ID = re.compile(rf"([0-9]{{1,9}})-([0-9a-f]{{8}})({CALLS})?")
HEADERS = {"X-Accel-Buffering": "no"}  # a proxy passes each event on at once


class TurnUsage(TypedDict):
    """The tokens the model counted."""

    input_tokens: Annotated[int | None, Field(description="Of what it was sent; null where it did not say.")]
    output_tokens: Annotated[int | None, Field(description="Of what it made; null where it did not say.")]


class TurnAnswer(TypedDict):
    """What was said, and the model's reply; both are stored."""

    session_id: Annotated[str, meanings.SESSION]
    messages: Annotated[list[Message], Field(description="What was said.")]
    reply: Annotated[Message, Field(description="The model's reply; `metadata.reply` says how it was made.")]
    message_count: Annotated[int, meanings.MESSAGE_COUNT]
    usage: Annotated[TurnUsage, Field(description="What the reply took.")]


def turn_answer(taken: Taken, answered: Answered) -> TurnAnswer:
    """Return a turn that is over as it is answered."""
    told = answered.reply.metadata.get("reply")
    told = told if isinstance(told, dict) else {}
    return {
        "session_id": taken.session_id,
        "messages": taken.messages,
        "reply": answered.reply,
        "message_count": answered.message_count,
        "usage": {"input_tokens": told.get("input_tokens"), "output_tokens": told.get("output_tokens")},
    }


class Place(NamedTuple):
    """How far a client is: it has so many characters of a text with this checksum, and the calls of tools or not.

    The text may be another when it comes back: one that was made anew, here or elsewhere.
    """

    characters: int = 0
    checksum: int = 0
    has_calls: bool = False

    @classmethod
    def named(cls, event_id: str) -> "Place":
        """Return the place after the event of this id; the begin for one that is none of ours."""
        found = EVENT_ID.fullmatch(event_id)
        return cls(int(found[1]), int(found[2], 16), bool(found[3])) if found else cls()

    def after(self, text: str) -> "Place":
        """Return the place behind this text, which follows."""
        return Place(self.characters + len(text), crc32(text.encode(), self.checksum))

    def is_in(self, text: str) -> bool:
        """Return whether what the client has is the begin of this text."""
        return self == Place().after(text[: self.characters])._replace(has_calls=self.has_calls)

    def __str__(self) -> str:
        return f"{self.characters}-{self.checksum:08x}{CALLS if self.has_calls else ''}"


BEGIN = Place()


class TurnEvents:
    """The events of a turn, from a place on; whoever is through, or will not read on, closes this (`aclose`).

    That stops nothing, unless it was asked for.
    """

    def __init__(self, taken: Taken, request_id: str, *, after: Place = BEGIN, stop_if_closed: bool = False) -> None:
        """Follow the turn from now on."""
        self._taken, self._request_id = taken, request_id
        self._following = ExitStack()
        self._following.enter_context(taken.pending.followed(stop_if_left=stop_if_closed))
        self._events = self._from(after)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._events)

    async def aclose(self) -> None:
        """Follow it no more."""
        await self._events.aclose()
        self._following.close()

    async def _from(self, place: Place) -> AsyncGenerator[bytes, None]:
        pending = self._taken.pending
        told = ""  # what the client has, as far as it was looked at
        yield self._turn(place)
        while True:
            text, is_over = pending.text, pending.outcome is not None
            if len(text) > place.characters or isinstance(pending.outcome, Answered):
                if not (text.startswith(told) if told else place.is_in(text)):
                    place = Place()
                    yield self._turn(place)
                if more := text[place.characters :]:
                    place = place.after(more)
                    yield _event("delta", place, {"text": more})
                told = text
            if is_over:
                break
            if pending.text is text and pending.outcome is None and not await pending.changed(COMMENT_SECONDS):
                yield COMMENT
        if pending.calls and not place.has_calls:
            place = place._replace(has_calls=True)
            yield _event("tool_calls", place, {"function_calls": pending.calls})
        if isinstance(pending.outcome, Exception):
            yield _event("error", place, problem(pending.outcome, self._request_id))
        elif pending.outcome:
            yield _event("done", place, turn_answer(self._taken, pending.outcome))

    def _turn(self, place: Place) -> bytes:
        taken = self._taken
        told = {"messages": taken.messages, "reply_id": taken.pending.reply_id, "how": taken.how}
        return _event("turn", place, told | {"offset": place.characters})


def _event(name: str, place: Place, data: Any) -> bytes:  # noqa: ANN401 - whatever is JSON
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (str(place).encode(), name.encode(), to_json(data))
