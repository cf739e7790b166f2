"""A turn as server-sent events: what was said, the reply as it comes, and how it ended."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from pydantic import Field
from pydantic_core import to_json
from typing_extensions import TypedDict  # pydantic asks for this one before Python 3.12

from shared.http.problems import problem
from shared.models import Message, meanings
from shared.turns.making import Answered, Taken

COMMENT_SECONDS = 15.0  # of silence, before a comment says that the stream is alive
COMMENT = b": the reply is being made\n\n"
MEDIA_TYPE = "text/event-stream"
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


async def turn_events(
    taken: Taken, request_id: str, *, seen: int = 0, stop_if_closed: bool = False
) -> AsyncIterator[bytes]:
    """Yield the events of a turn, from the reply's character `seen` on; an event's id is how many were told with it.

    Whoever closes this stops nothing, unless that was asked for.
    """
    making = taken.making
    is_over = False
    try:
        yield _event("turn", seen, {"messages": taken.messages, "reply_id": making.reply_id, "how": taken.how})
        while True:
            if len(making.text) > seen:
                text, seen = making.text[seen:], len(making.text)
                yield _event("delta", seen, {"text": text})
            elif making.outcome is not None:
                break
            elif not await making.changed(COMMENT_SECONDS):
                yield COMMENT
        is_over = True
        if making.calls:
            yield _event("tool_calls", seen, {"function_calls": making.calls})
        if isinstance(making.outcome, Answered):
            yield _event("done", seen, turn_answer(taken, making.outcome))
        else:
            yield _event("error", seen, problem(making.outcome, request_id))
    finally:
        if stop_if_closed and not is_over:
            making.stop()


def _event(name: str, number: int, data: Any) -> bytes:  # noqa: ANN401 - whatever is JSON
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (number, name.encode(), to_json(data))
