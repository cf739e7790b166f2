"""Trying again: the one loop of everything that other writers, or a moment's fault, may refuse."""

import asyncio
import random
from time import monotonic

from shared.errors import StoreUnavailableError
from shared.store.cosmos.limits import Limits

MIN_TRIES = 8


class Retries:
    """Counts the tries of one piece of work and says when it is enough.

    Nobody is given up because others were faster: as long as there is time, there is another try.
    """

    def __init__(self, limits: Limits, min_tries: int = MIN_TRIES, *, seconds: float | None = None) -> None:
        """Begin with the first try; there are at least `min_tries`, and more within `seconds`."""
        self._limits = limits
        self._ends = monotonic() + (limits.contention_seconds if seconds is None else seconds)
        self._min_tries = min_tries
        self.tried = 0

    async def again(self) -> None:
        """Wait before the next try; raises StoreUnavailableError after enough of them that took long enough."""
        self.tried += 1
        if self.tried >= self._min_tries and monotonic() >= self._ends:
            raise StoreUnavailableError
        await pause(self.tried, self._limits)


async def pause(attempt: int, limits: Limits) -> None:
    """Wait a little, longer with each attempt and never as long as the neighbour (full jitter)."""
    await asyncio.sleep(random.uniform(0, min(0.02 * 2**attempt, limits.max_pause_seconds)))  # noqa: S311 - jitter
