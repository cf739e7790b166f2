"""A session that grows by turns and by single messages, looked at at certain lengths."""

import math
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from azure.cosmos.exceptions import CosmosHttpResponseError

from benchmarks.chats.costs import APPEND, BACK, NEWEST, RESUMED, TURN, ChatCost, resume
from benchmarks.counting_proxy import CountingProxy, Exchange, add_up
from benchmarks.lengths import Means
from benchmarks.peers import Chatting
from benchmarks.profiles import Profile

PAGE, PAGES = 50, 5
REWRITTEN = 3  # turns that tell what a peer costs that writes the whole session each time
TOO_LARGE = 413


@dataclass(frozen=True, slots=True)
class Call:
    """One call and what it exchanged."""

    exchanges: tuple[Exchange, ...]
    returned_at: float

    @property
    def weight(self) -> int:
        """The requests, a batch counted twice: an append that makes a page sends more of them, or that."""
        return len(self.exchanges) + sum(one.is_batch for one in self.exchanges)

    @property
    def serial(self) -> int:
        """Round trips one after the other that the caller waited for."""
        count, free_at = 0, 0.0
        for exchange in sorted((one for one in self.exchanges if one.started < self.returned_at), key=_ended):
            if exchange.started >= free_at:
                count, free_at = count + 1, exchange.ended
        return count


def percentile(values: Sequence[int]) -> int:
    """Return the 95th percentile."""
    return sorted(values)[math.ceil(len(values) * 0.95) - 1]


def _ended(exchange: Exchange) -> float:
    return exchange.ended


@dataclass(slots=True)
class Walk:
    """One session of one peer; `length` is what it has come to."""

    proxy: CountingProxy
    peer: Chatting
    profile: Profile
    length: int = 0

    async def look(self, length: int, turns: int) -> ChatCost:
        """Let it grow to that length, and say what its last turns cost, and single appends and reads after them."""
        name = type(self.peer).name
        turns = min(REWRITTEN if self.peer.rewrites else turns, max(1, length // 4))
        if not await self.grow(length - 2 * turns):
            return ChatCost(name, self.profile.name, length)
        together = [await self._turn() for _ in range(turns)]
        singles, reads = await self._one_by_one(turns)
        means = {TURN: _means([pair for pair, _ in together], calls=[call for _, call in together])}
        means[APPEND] = _means([[call] for call in singles], calls=singles)
        means |= {resume(limit): _means([[call] for call in found]) for limit, found in reads.items()}
        pages = min(PAGES, math.ceil(self.length / PAGE))
        back = await self.call(self.peer.back(pages, PAGE), expected=min(self.length, pages * PAGE))
        means[BACK] = Means(pages, add_up(back.exchanges))
        waited = [call.serial for call in (*(call for _, call in together), *singles)]
        return ChatCost(name, self.profile.name, length, means, percentile(waited))

    async def grow(self, length: int) -> bool:
        """Return whether the peer can hold so many; what is put in at once leaves it as turns would."""
        try:
            while self.length < length:
                step = self.peer.grows_by or length
                await self.peer.add(self.next(min(step, length - self.length)))
        except CosmosHttpResponseError as error:
            if error.status_code != TOO_LARGE:
                raise
            return False
        return True

    async def _turn(self) -> tuple[list[Call], Call]:
        """Resume and append a pair; return both calls, and the append by itself."""
        calls = []
        if self.length:
            calls.append(await self.call(self.peer.newest(NEWEST), expected=min(self.length, NEWEST)))
        append = await self.call(self.peer.add(self.next(2)))
        return [*calls, append], append

    async def _one_by_one(self, turns: int) -> tuple[list[Call], dict[int, list[Call]]]:
        """Append single messages, with a resume of each kind after each: the head is seen at every fill."""
        singles: list[Call] = []
        reads: dict[int, list[Call]] = {limit: [] for limit in RESUMED}
        for _ in range(turns):
            for _ in range(2):
                singles.append(await self.call(self.peer.add(self.next(1))))
                for limit, found in reads.items():
                    found.append(await self.call(self.peer.newest(limit), expected=min(limit, self.length)))
        return singles, reads

    def next(self, count: int) -> list[str]:
        """Return the texts to be added next."""
        self.length += count
        return [self.profile.text(number) for number in range(self.length - count + 1, self.length + 1)]

    async def call(self, call: Awaitable[int] | Awaitable[None], expected: int | None = None) -> Call:
        """Return what a call exchanged; one that reads has to return as many messages as are expected."""
        with recording(self.proxy) as recorded:
            read = await call
            returned_at = self.peer.returned_at
        if expected is not None and read != expected:
            raise AssertionError(f"{type(self.peer).name}: {read} messages where {expected} were expected")
        return Call(tuple(recorded), returned_at)


@contextmanager
def recording(proxy: CountingProxy) -> Iterator[list[Exchange]]:
    """Record what is exchanged inside the block, and nothing of before."""
    with proxy.phase("chats") as recorded:
        recorded.clear()
        yield recorded


def _means(groups: Sequence[Sequence[Call]], calls: Sequence[Call] | None = None) -> Means:
    """Return the mean of a group of calls; of appends over whole cycles, if the requests show where they end.

    `calls` are the append of each group: one that weighs more than others ends a cycle.
    """
    if calls is not None:
        least = min(call.weight for call in calls)
        ends = [place for place, call in enumerate(calls, 1) if call.weight > least]
        groups = groups[ends[0] : ends[-1]] if len(ends) > 1 else groups
    return Means(len(groups), add_up(exchange for group in groups for call in group for exchange in call.exchanges))
