"""What the work in hand has cost at the store, and what it met there."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Usage:
    """Requests the store has answered, the request units it charged for them (0 on SQLite), and how it went."""

    def __init__(self, request_id: str = "") -> None:
        """Begin with nothing, for the request of this name, if it is one."""
        self.request_id = request_id
        self.requests = 0
        self.request_units = 0.0
        self.throttled = 0  # answers of 429, also those after which the SDK waited and went on
        self.refused = 0  # by a guard that did not hold, or because it is there: what writers meet, no fault
        self.repeated = 0  # requests sent again by Parley: an answer was lost, or a replica was behind
        self.channels: set[str] = set()  # of the sessions it had to do with, where the store tells
        self.behind: list[Usage] = []  # what was done for it that its answer did not wait for

    def add(self, request_units: float) -> None:
        """Count one request and its charge."""
        self.requests += 1
        self.request_units += request_units

    @property
    def all_requests(self) -> int:
        """The requests, those behind the answer included."""
        return self.requests + sum(each.all_requests for each in self.behind)

    @property
    def all_units(self) -> float:
        """The request units, those behind the answer included."""
        return self.request_units + sum(each.all_units for each in self.behind)

    def fields(self) -> dict[str, object]:
        """Return what a line of the log tells of it."""
        met = {"throttled": self.throttled, "refused": self.refused, "repeated": self.repeated}
        return {"store_requests": self.requests, "request_units": round(self.request_units, 2), **met}


_current: ContextVar[Usage | None] = ContextVar("usage", default=None)


@contextmanager
def measured(request_id: str = "") -> Iterator[Usage]:
    """Count everything the store is asked inside the block, tasks started there included."""
    usage = Usage(request_id)
    token = _current.set(usage)
    try:
        yield usage
    finally:
        _current.reset(token)


@contextmanager
def measured_behind() -> Iterator[Usage]:
    """Count for itself what is done behind the answer to the work in hand: that may have been told by then."""
    answered = in_hand()
    with measured(answered.request_id) as usage:
        answered.behind.append(usage)
        yield usage


def in_hand() -> Usage:
    """Return what is being counted for the work in hand; where nobody measures, something that nobody reads."""
    return _current.get() or Usage()


def count_request(request_units: float) -> None:
    """Count one store request for whoever measures; without a measurer this does nothing."""
    in_hand().add(request_units)
