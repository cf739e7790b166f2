"""How new a state a request has to see: session tokens that its caller sent, and that of the newest answer it got."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Freshness:
    """Session tokens of one request, as clients see them; only the store knows what they mean.

    `hints` come from the caller, by header or cursor, and may mean nothing; `token` is of the newest state that the
    store has answered from in this request, None where the store gives none out.
    """

    def __init__(self, *hints: str) -> None:
        """Begin with what the caller sent."""
        self.hints = list(hints)
        self.token: str | None = None


_current: ContextVar[Freshness | None] = ContextVar("freshness", default=None)


@contextmanager
def fresh_as(hint: str | None) -> Iterator[Freshness]:
    """Let everything inside the block, tasks started there included, see at least the state that the token is of."""
    freshness = Freshness(hint) if hint else Freshness()
    token = _current.set(freshness)
    try:
        yield freshness
    finally:
        _current.reset(token)


def current_freshness() -> Freshness:
    """Return what the request in hand has to see; outside of one, something that knows of nothing."""
    return _current.get() or Freshness()
