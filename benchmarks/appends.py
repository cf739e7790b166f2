"""Appends one by one: what the request that carries the message costs, and what goes on behind its answer."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.counting_proxy import Exchange, Totals, add_up
from benchmarks.profiles import Profile
from benchmarks.stage import Stage, is_append
from benchmarks.units import insert_units, replace_units

ROUNDING = 0.011  # the server rounds the charge of each item to hundredths


@dataclass(frozen=True, slots=True)
class Append:
    """The exchanges of one append, and the size of the head as its message left it."""

    exchanges: tuple[Exchange, ...]
    head_bytes: int

    @property
    def own(self) -> list[Exchange]:
        """The requests that carry the message; one, unless it was refused or sent again."""
        return [one for one in self.exchanges if is_append(one)]

    @property
    def rotated(self) -> bool:
        """Return whether a page was made: by the append itself, or behind its answer."""
        return any(one.is_batch for one in self.exchanges)


@dataclass(frozen=True, slots=True)
class AppendCosts:
    """Means over some appends: of the request that carries the message, and of everything they sent."""

    appends: int
    rotations: int
    patches: Totals
    own: Totals
    all: Totals
    mean_head_bytes: float
    largest_head_bytes: int

    def patch_mean(self, field: str) -> float:
        """Return a mean of those requests that carry nothing but the message, by the field of Totals."""
        return float(getattr(self.patches, field)) / self.patches.requests

    def own_mean(self, field: str) -> float:
        """Return a mean of the request that carries the message, by the field of Totals."""
        return float(getattr(self.own, field)) / self.appends

    def mean(self, field: str) -> float:
        """Return a mean of everything, also behind the answer, by the field of Totals."""
        return float(getattr(self.all, field)) / self.appends


async def append_one(stage: Stage, profile: Profile, place: tuple[str, str], number: int) -> Append:
    """Append message `number` to the session at `place` (owner, id) and return what was exchanged for it."""
    with stage.proxy.phase("appends") as recorded:
        start = len(recorded)
        await stage.append(place, [profile.message(number)])
        exchanges = tuple(recorded[start:])
    own = [one for one in exchanges if is_append(one)][-1]
    if not own.is_batch:  # its answer is the whole head
        _check_model(own, replace_units(own.response_body_bytes))
        return Append(exchanges, own.response_body_bytes)
    page, head = [await _size(stage, place[0], item_id) for item_id in _items(own)]
    _check_model(own, insert_units(page) + replace_units(head))
    return Append(exchanges, head)


def _items(batch: Exchange) -> tuple[str, str]:
    """Return the ids of the page and of the head that an append's batch has written."""
    create, patch = json.loads(batch.request_body)
    return create["resourceBody"]["id"], patch["id"]


async def _size(stage: Stage, user_id: str, item_id: str) -> int:
    """Return the bytes of an item, by a point read that is counted nowhere."""
    with stage.proxy.phase("looking") as recorded:
        recorded.clear()
        await stage.store._items.of(user_id).read(item_id)  # noqa: SLF001 - pages are not in the port
        return recorded[-1].response_body_bytes


def _check_model(exchange: Exchange, units: float) -> None:
    """Hold the server's charge against our own model, by the real sizes of what was written."""
    if abs(exchange.charge - units) > 2 * ROUNDING:
        raise AssertionError(f"charged {exchange.charge} where the sizes of the items come to {units}")


def costs(appends: Sequence[Append]) -> AppendCosts:
    """Return what these appends cost."""
    heads = [append.head_bytes for append in appends]
    return AppendCosts(
        appends=len(appends),
        rotations=sum(append.rotated for append in appends),
        patches=add_up(one for append in appends for one in append.own if not one.is_batch),
        own=add_up(one for append in appends for one in append.own),
        all=add_up(one for append in appends for one in append.exchanges),
        mean_head_bytes=sum(heads) / len(heads),
        largest_head_bytes=max(heads),
    )


def whole_generations(appends: Sequence[Append]) -> Sequence[Append]:
    """Cut to the appends between the first rotation and the last, so that none is counted for half a generation."""
    ends = [place for place, append in enumerate(appends, 1) if append.rotated]
    return appends[ends[0] : ends[-1]] if len(ends) > 1 else appends
