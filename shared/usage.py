"""What the work in hand has cost at the store: requests and request units."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Usage:
    """Requests sent to the store and the request units it charged for them (0 on SQLite)."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.requests = 0
        self.request_units = 0.0

    def add(self, request_units: float) -> None:
        """Count one request and its charge."""
        self.requests += 1
        self.request_units += request_units


_current: ContextVar[Usage | None] = ContextVar("usage", default=None)


@contextmanager
def measured() -> Iterator[Usage]:
    """Count everything the store is asked inside the block, tasks started there included."""
    usage = Usage()
    token = _current.set(usage)
    try:
        yield usage
    finally:
        _current.reset(token)


def count_request(request_units: float) -> None:
    """Count one store request for whoever measures; without a measurer this does nothing."""
    usage = _current.get()
    if usage is not None:
        usage.add(request_units)
