"""The two sessions of a LangGraph thread, as far as they have been read."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from parley_client import calls
from parley_client.answers import Message
from parley_client.calls import Call, JsonObject
from parley_client.errors import ParleyError
from parley_client.exchange import Steps
from parley_client.frameworks.history import or_nothing
from parley_client.frameworks.langgraph_records import Kind, Place, Thread, held_by, intervals_of

WINDOWS: Final[dict[Kind, int]] = {"talk": 200, "steps": 50}  # messages that are read first: a turn has about ten steps
KINDS: Final = tuple(WINDOWS)


class Record(NamedTuple):
    """A message that holds a checkpoint."""

    place: Place
    about: Mapping[str, Any]
    held: Mapping[str, Any]

    @property
    def steps_seq(self) -> int:
        """Return what every pending write of the checkpoint comes after."""
        return max(int(self.about["steps_seq"]), self.place.seq if self.place.kind == "steps" else 0)


class Sessions:
    """Messages of a thread's two sessions, as far as they have been read."""

    def __init__(self, thread: Thread) -> None:
        """Begin with none."""
        self.thread = thread
        self.held: dict[Kind, dict[int, Message]] = {"talk": {}, "steps": {}}
        self.begins: dict[Kind, int] = {}  # from there on the session was read to its end; 0 for all of it

    def newest(self) -> Steps[None]:
        """Read the newest messages of both."""
        for kind in KINDS:
            call = calls.list_messages(self.thread.session_id(kind), {"order": "desc", "limit": WINDOWS[kind]})
            self._take(kind, (yield from or_nothing(call)))

    def _take(self, kind: Kind, page: JsonObject | None) -> None:
        messages = page["data"] if page else []
        self.held[kind] |= {message["seq"]: message for message in messages}
        more = bool(page and page["has_more"])
        self.begins[kind] = min(message["seq"] for message in messages) if more else 0

    def before(self, kind: Kind) -> Steps[None]:
        """Read what is before."""
        query = {"order": "desc", "before": self.begins[kind]}
        self._take(kind, (yield from or_nothing(calls.list_messages(self.thread.session_id(kind), query))))

    def back_to(self, kind: Kind, seq: int) -> Steps[None]:
        """Read everything after a seq."""
        if kind not in self.begins:
            yield from self.newest()
        while self.begins[kind] > seq + 1:
            yield from self.before(kind)

    def get(self, wanted: Sequence[Place]) -> Steps[list[Message]]:
        """Return the messages at these places; ParleyError where one is gone."""
        while missing := [place for place in wanted if place.seq not in self.held[place.kind]]:
            asked = [
                (kind, first, last)
                for kind in KINDS
                for first, last in intervals_of([place.seq for place in missing if place.kind == kind])
            ]
            for kind, first, last in asked:
                page = yield from or_nothing(self._interval(kind, first, last))
                messages = {message["seq"]: message for message in (page["data"] if page else [])}
                if first not in messages:
                    raise ParleyError(f"Messages of thread {self.thread.thread_id!r} are gone: it cannot be resumed.")
                self.held[kind] |= messages
        return [self.held[place.kind][place.seq] for place in wanted]

    def _interval(self, kind: Kind, first: int, last: int) -> Call[Message]:
        query = {"after": first - 1, "before": last + 1, "order": "asc", "limit": last - first + 1}
        return calls.list_messages(self.thread.session_id(kind), query)

    def by_id(self, message_id: str) -> Steps[None]:
        """Read the message by that id from whichever session has it; this looks through all of it."""
        for kind in KINDS:
            message = yield from or_nothing(calls.read_message(self.thread.session_id(kind), message_id))
            if message:
                self.held[kind][message["seq"]] = message

    def records(self) -> Iterator[Record]:
        """Yield the checkpoints among what has been read."""
        for kind in KINDS:
            for seq, message in self.held[kind].items():
                held = held_by(message)
                if about := held.get("about"):
                    yield Record(Place(kind, seq), about, held)
