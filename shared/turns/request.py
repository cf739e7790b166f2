"""What a reply is made from: the request for it, the history behind its question, and what all replies share."""

from collections.abc import Iterable
from typing import NamedTuple

from shared.model_settings import ModelSettings
from shared.models import Lease, Message
from shared.store.port import SessionStore
from shared.turns.finding import is_same
from shared.turns.leases import Leases
from shared.turns.model import Model
from shared.turns.options import CallerOptions
from shared.turns.window import TokenRate


class ReplyRequest(NamedTuple):
    """A reply to be made: in which session (owner and id), to what, under which lease; `replaces` one that is there.

    `etag` is the session's after the write that stored what was `said` and took the lease; what was stored before has
    none, and is looked at again.
    """

    place: tuple[str, str]
    said: list[Message]
    lease: Lease
    options: CallerOptions
    replaces: bool = False
    etag: str | None = None

    @property
    def question(self) -> Message:
        """What the reply answers."""
        return self.said[-1]

    def is_asked_in(self, messages: Iterable[Message]) -> bool:
        """Return whether the question is among these."""
        return any(is_same(message, self.question) for message in messages)


class History(NamedTuple):
    """What is there to be sent of a session: its messages up to the question, oldest first.

    `left_out` counts the older ones that were not read.
    """

    messages: list[Message]
    left_out: int


class Resources(NamedTuple):
    """What all replies of this instance share."""

    store: SessionStore
    settings: ModelSettings
    model: Model
    leases: Leases
    rate: TokenRate
    max_bytes: int
