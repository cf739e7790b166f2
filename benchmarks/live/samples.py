"""One kind of request sent many times: what it was charged, how long it took, and what the models say of it."""

import asyncio
import math
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from azure.cosmos.exceptions import CosmosBatchOperationError, CosmosHttpResponseError

from benchmarks import curve, units
from benchmarks.live.place import POLICIES, Answer, Place
from benchmarks.metering import terms_of

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Model:
    """What a request would cost by the line, by the measured curve, and what index terms add to the curve."""

    line: float
    measured: float
    index: float = 0.0

    def __add__(self, other: "Model") -> "Model":
        return Model(self.line + other.line, self.measured + other.measured, self.index + other.index)


REFUSED = Model(curve.REFUSED, curve.REFUSED)


def created(size: int, document: Document, policy: str) -> Model:
    """Model a create, or a delete, of an item of that size."""
    terms = len(terms_of(document, POLICIES[policy])) * curve.INDEX_TERM
    return Model(units.insert_units(size), curve.create_units(size), terms)


def replaced(size: int, before: Document, after: Document, policy: str) -> Model:
    """Model a replace or a Patch that makes an item of that size."""
    changed = terms_of(before, POLICIES[policy]) ^ terms_of(after, POLICIES[policy])
    return Model(units.replace_units(size), curve.replace_units(size), len(changed) * curve.INDEX_TERM)


def read(size: int) -> Model:
    """Model a point read."""
    return Model(units.read_units(size), curve.read_units(size))


def queried(items: int, size: int) -> Model:
    """Model a query that returns so many items of so many bytes together."""
    return Model(units.query_units(size), curve.query_units(items, size))


@dataclass(slots=True)
class Sample:
    """All answers to requests of one kind."""

    what: str
    policy: str
    size_kb: float | None
    model: Model | None
    charges: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)

    def charge(self) -> float:
        """Return the median charge."""
        return statistics.median(self.charges)

    def slow(self, share: float) -> float:
        """Return the milliseconds within which that share of the requests was answered."""
        return sorted(self.milliseconds)[math.ceil(share * len(self.milliseconds)) - 1]


class Sampler:
    """Sends requests one after the other, no faster than a small account allows, and keeps what they cost."""

    def __init__(self, place: Place, units_per_second: float) -> None:
        """Measure at this place; 0 units a second is no limit."""
        self.place = place
        self._units_per_second = units_per_second
        self._samples: dict[tuple[str, str, float | None], Sample] = {}
        self.throttled = 0

    @property
    def samples(self) -> Sequence[Sample]:
        """What was measured so far."""
        return list(self._samples.values())

    async def take(
        self,
        named: tuple[str, str, float | None],
        send: Callable[[], Awaitable[Any]],
        model: Model | None = None,
    ) -> Answer:
        """Send once and add it to the sample of this name (what, policy, KB); a refusal is an answer too."""
        answer, charge, milliseconds, throttled = await self._send(send)
        sample = self._samples.setdefault(named, Sample(*named, model))
        sample.statuses.add(answer.status)
        if not throttled:
            sample.charges.append(charge)
            sample.milliseconds.append(milliseconds)
        return answer

    async def ask(self, send: Callable[[], Awaitable[Any]]) -> Answer:
        """Send once and only look at the answer."""
        return (await self._send(send))[0]

    async def _send(self, send: Callable[[], Awaitable[Any]]) -> tuple[Answer, float, float, bool]:
        self.place.answers.clear()
        started = time.perf_counter()
        with suppress(CosmosHttpResponseError, CosmosBatchOperationError):
            await send()
        answers = list(self.place.answers)
        elapsed = time.perf_counter() - started
        throttled = [one for one in answers if one.status == HTTPStatus.TOO_MANY_REQUESTS]
        self.throttled += len(throttled)
        charge = sum(one.charge for one in answers)
        if self._units_per_second:
            await asyncio.sleep(max(0.0, charge / self._units_per_second - elapsed))
        return answers[-1], charge, elapsed * 1000, bool(throttled)
