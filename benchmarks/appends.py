"""Appends one by one: what the Patch itself costs, and what rotation adds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.counting_proxy import Exchange, Totals, add_up
from benchmarks.profiles import Profile
from benchmarks.stage import Stage, is_append
from benchmarks.units import replace_units

ROUNDING = 0.011  # the server rounds charges to hundredths


@dataclass(frozen=True, slots=True)
class Append:
    """The exchanges of one append."""

    exchanges: tuple[Exchange, ...]

    @property
    def own(self) -> list[Exchange]:
        """The Patches that carry the message; one, unless it was refused or sent again."""
        return [one for one in self.exchanges if is_append(one)]

    @property
    def rotated(self) -> bool:
        """Return whether this append paid for a rotation."""
        return len(self.exchanges) > len(self.own)

    @property
    def head_bytes(self) -> int:
        """The head as this append left it, before any rotation: an append's answer is the whole head."""
        return self.own[-1].response_body_bytes


@dataclass(frozen=True, slots=True)
class AppendCosts:
    """Means over some appends: of the Patch itself, and of everything they sent."""

    appends: int
    rotations: int
    own: Totals
    all: Totals
    mean_head_bytes: float
    largest_head_bytes: int

    def own_mean(self, field: str) -> float:
        """Return a mean of the Patch itself, by the field of Totals."""
        return float(getattr(self.own, field)) / self.appends

    def mean(self, field: str) -> float:
        """Return a mean with rotation spread over all appends, by the field of Totals."""
        return float(getattr(self.all, field)) / self.appends


async def append_one(stage: Stage, profile: Profile, place: tuple[str, str], number: int) -> Append:
    """Append message `number` to the session at `place` (owner, id) and return what was exchanged for it."""
    with stage.proxy.phase("appends") as recorded:
        start = len(recorded)
        await stage.chat.append(*place, [profile.message(number)])
        append = Append(tuple(recorded[start:]))
    _check_model(append)
    return append


def _check_model(append: Append) -> None:
    """Hold the server's charge against our own model, for the one request whose item is on the wire."""
    for exchange in append.own:
        if abs(exchange.charge - replace_units(exchange.response_body_bytes)) > ROUNDING:
            message = f"charged {exchange.charge} for a Patch of an item of {exchange.response_body_bytes} bytes"
            raise AssertionError(message)


def costs(appends: Sequence[Append]) -> AppendCosts:
    """Return what these appends cost."""
    return AppendCosts(
        appends=len(appends),
        rotations=sum(append.rotated for append in appends),
        own=add_up(exchange for append in appends for exchange in append.own),
        all=add_up(exchange for append in appends for exchange in append.exchanges),
        mean_head_bytes=sum(append.head_bytes for append in appends) / len(appends),
        largest_head_bytes=largest_head(appends),
    )


def largest_head(appends: Iterable[Append]) -> int:
    """Return the size of the largest head that any of these appends left, in bytes."""
    return max(append.head_bytes for append in appends)


def whole_generations(appends: Sequence[Append]) -> Sequence[Append]:
    """Cut to the appends between the first rotation and the last, so that none is counted for half a generation."""
    ends = [place for place, append in enumerate(appends, 1) if append.rotated]
    return appends[ends[0] : ends[-1]] if len(ends) > 1 else appends
