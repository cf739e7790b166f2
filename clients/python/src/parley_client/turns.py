"""A turn as a stream of events that survives its connection: what is asked for, and which of what comes is new."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple

import httpx2

from parley_client.answers import TurnEvent, TurnState
from parley_client.calls import CHAT, Call, Fields, named, segment, session_path, some_session
from parley_client.errors import UnavailableError
from parley_client.exchange import Patience, error_told, unreadable

MEDIA_TYPE: Final = "text/event-stream"
EVENTS: Final = {"accept": MEDIA_TYPE}
SILENCE_SECONDS: Final = 45.0  # of a stream that is alive: three times what Parley lets pass before it says so
LONGEST_SECONDS: Final = 230.0  # of what is asked for once: Azure ends every request then
IfClosed = Literal["finish", "stop"]


class Asked(NamedTuple):
    """What begins with a request, and the turn that is: of the last message said, None where only Parley knows it."""

    call: Call[Any]
    session_id: str
    message_id: str | None


def take_turn(session_id: str | None, messages: Sequence[Fields], options: Fields, *, if_closed: IfClosed) -> Asked:
    """Say 0 to 200 messages and have the last one answered; without a session in one that is made if need be."""
    said = named(messages)
    body = {**options, "messages": said} if said else dict(options)
    path = CHAT
    if session_id is None:
        body = some_session(body)
    else:
        path = session_path(session_id)
    query = {} if if_closed == "finish" else {"if_closed": if_closed}
    call: Call[Any] = Call("POST", f"{path}/turns", query, body, EVENTS, silence_seconds=SILENCE_SECONDS)
    return Asked(call, session_id or str(body["session_id"]), str(said[-1]["id"]) if said else None)


def join_turn(session_id: str, message_id: str, last_event_id: str | None) -> Asked:
    """Have the events of a turn told that come after one."""
    headers = {**EVENTS, "last-event-id": last_event_id} if last_event_id else EVENTS
    call: Call[Any] = Call("GET", _turn(session_id, message_id), headers=headers, silence_seconds=SILENCE_SECONDS)
    return Asked(call, session_id, message_id)


def regenerate(session_id: str, message_id: str, options: Fields) -> Asked:
    """Have the newest turn's reply made anew; not repeated when its answer is lost, because it costs."""
    path = f"{_turn(session_id, message_id)}/regenerate"
    call: Call[Any] = Call("POST", path, {}, options, EVENTS, repeatable=False, silence_seconds=LONGEST_SECONDS)
    return Asked(call, session_id, message_id)


def get_turn(session_id: str, message_id: str) -> Call[TurnState]:
    """Ask how far a turn is."""
    return Call("GET", _turn(session_id, message_id))


def stop_turn(session_id: str, message_id: str) -> Call[None]:
    """End a turn with what there is of its reply."""
    return Call("DELETE", _turn(session_id, message_id))


def _turn(session_id: str, message_id: str) -> str:
    return f"{session_path(session_id)}/turns/{segment(message_id)}"


class Following:
    """One turn, however many streams its events take; both clients drive it, each with its own I/O.

    What an event's id says is Parley's: told the last one, it goes on after it, or says that it begins anew.
    """

    def __init__(self, asked: Asked, patience: Patience) -> None:
        """Begin with what is asked for."""
        self.is_over = False
        self._start, self._session_id, self._message_id = asked
        self._patience = patience
        self._last_event_id = self._start.headers.get("last-event-id")
        self._has_begun = False
        self._has_text = self._last_event_id is not None
        self._tried = 0  # since something new came last
        self._waiting = b""

    def pause(self) -> float:
        """Return the seconds to wait before the next stream; UnavailableError when there is to be none."""
        tried, self._tried = self._tried, self._tried + 1
        if not tried:
            return 0.0
        seconds = self._patience.pause(tried, None)
        if seconds is None:
            raise UnavailableError("the stream of the turn broke off")
        return seconds

    def call(self) -> Call[Any]:
        """Return what to ask for: the turn, as long as nothing of it has come, then the rest of it."""
        is_begun = self._has_begun or (self._tried > 1 and not self._start.repeatable)
        if not is_begun or self._message_id is None:
            return self._start
        return join_turn(self._session_id, self._message_id, self._last_event_id).call

    def begin(self, response: httpx2.Response) -> None:
        """Begin with another stream; ParleyError where the answer is none."""
        self._waiting = b""
        if not response.headers.get("content-type", "").startswith(MEDIA_TYPE):
            raise unreadable(response)

    def events_in(self, piece: bytes) -> Iterator[TurnEvent]:
        """Yield the new events that are whole with this piece; raises what the turn ended with where it failed."""
        *blocks, self._waiting = (self._waiting + piece).replace(b"\r\n", b"\n").split(b"\n\n")
        for block in blocks:
            event = _event_in(block)
            if event and self._is_new(event):
                self._tried = 1
                self._last_event_id = event["id"]
                yield event

    def _is_new(self, event: Any) -> bool:  # noqa: ANN401 - `error` is no TurnEvent
        """Return whether an event brings something, as all do but a `turn` that goes on with what was told."""
        if event["type"] == "error":
            raise error_told(event["data"])
        if event["type"] == "turn":
            return self._begins_with(event["data"])
        self._has_text = self._has_text or event["type"] == "delta"
        self.is_over = event["type"] == "done"
        return True

    def _begins_with(self, turn: Any) -> bool:  # noqa: ANN401 - as above
        is_first, self._has_begun = not self._has_begun, True
        is_anew = self._has_text and turn["offset"] == 0
        self._has_text = self._has_text and not is_anew
        if self._message_id is None and turn["messages"]:
            self._message_id = turn["messages"][-1]["id"]
        return is_first or is_anew


def _event_in(block: bytes) -> Any:  # noqa: ANN401 - as above
    """Return the event of a block of lines; None for a comment."""
    fields = dict(line.split(b": ", 1) for line in block.split(b"\n") if b": " in line and not line.startswith(b":"))
    if not fields.keys() >= {b"event", b"id", b"data"}:
        return None
    return {"type": fields[b"event"].decode(), "id": fields[b"id"].decode(), "data": json.loads(fields[b"data"])}
