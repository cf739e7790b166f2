"""What was found about chats, as the report reads it."""

from dataclasses import dataclass, field

from benchmarks.lengths import Means

TURN, APPEND, BACK = "turn", "append", "back"
RESUMED = (10, 20, 50)
NEWEST = 20  # what a turn begins with


def resume(limit: int) -> str:
    """Return the key of a resume of so many messages."""
    return f"resume {limit}"


@dataclass(frozen=True, slots=True)
class ChatCost:
    """What a session of this length costs one peer, call by call; `ends` where it cannot be that long."""

    peer: str
    profile: str
    length: int
    means: dict[str, Means] = field(default_factory=dict)
    serial_p95: int | None = None  # round trips one after the other that an append waited for

    @property
    def ends(self) -> bool:
        """Whether the peer cannot hold a session of this length."""
        return not self.means

    def two_appends_and_resume(self, unit: str) -> float:
        """Return a turn whose pair is appended one by one, by the field of Totals."""
        return 2 * self.means[APPEND].mean(unit) + self.means[resume(NEWEST)].mean(unit)


@dataclass(frozen=True, slots=True)
class ShortLives:
    """What sessions of a few turns cost one peer, per turn, and the list of them per page."""

    peer: str
    profile: str
    turns: int  # of each
    kept: Means
    deleted: Means
    listed: Means | None


@dataclass(frozen=True, slots=True)
class Rest:
    """Connections that a build opens anew after so many seconds without a request."""

    peer: str
    seconds: float
    opened: int


@dataclass(frozen=True, slots=True)
class ColdCost:
    """A kind of call, and its round trips one after the other, 95th percentile."""

    means: Means
    serial_p95: int


@dataclass(frozen=True, slots=True)
class Cold:
    """What calls cost in a process that has just started, or does not know the session, beside those that do."""

    peer: str
    profile: str
    costs: dict[str, ColdCost]


@dataclass(frozen=True, slots=True)
class Chats:
    """All about chats that one run has found."""

    costs: list[ChatCost]
    lives: list[ShortLives]
    colds: list[Cold]
    rests: list[Rest]
    left_out: list[str]
