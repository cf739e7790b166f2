"""Neighbours at the lengths Parley is measured at: an append, a resume, and the length at which they end."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from azure.cosmos.exceptions import CosmosHttpResponseError

from benchmarks.counting_proxy import CountingProxy, add_up, counting_proxy
from benchmarks.lengths import Means
from benchmarks.peers import NEIGHBOURS, Peer, Place
from benchmarks.profiles import TYPICAL
from tests.cosmos_server.launch import CosmosServer

DATABASE = "peers"
APPENDS, RESUMES = 3, 2  # of a kind: their costs differ by a byte here and there


@dataclass(frozen=True, slots=True)
class Cost:
    """What an append to a session of that length costs, and a resume of it."""

    length: int
    append: Means
    resume: Means
    resumed: int  # messages


@dataclass(frozen=True, slots=True)
class Neighbour:
    """All about one of them; `ends_at` is the longest session it can hold, if it meets an end below the lengths."""

    name: str
    resumes_from: str
    costs: list[Cost]
    ends_at: int | None


async def measure(server: CosmosServer, lengths: Sequence[int]) -> list[Neighbour]:
    """Measure every neighbour that is installed here."""
    async with counting_proxy(server.endpoint) as proxy:
        place = Place(proxy.endpoint, server.key, DATABASE)
        return [await _measure(proxy, place, peer, lengths) for peer in NEIGHBOURS if not peer.missing_reason()]


async def _measure(proxy: CountingProxy, place: Place, peer: type[Peer], lengths: Sequence[int]) -> Neighbour:
    """Let a session grow to each of the lengths at once, by as few calls as the peer allows, and look."""
    costs: list[Cost] = []
    async with peer.opened(place, secrets.token_hex(8)) as session:
        stored = 0
        for length in lengths:
            if not await _fits(session, _texts(stored, length)):
                return Neighbour(peer.name, peer.resumes_from, costs, await _end(place, peer, stored, length))
            if not costs:
                await session.resume()  # a client asks for the partition's ranges once in its life, at its first read
            costs.append(await _look(proxy, session, length))
            stored = length + APPENDS
    return Neighbour(peer.name, peer.resumes_from, costs, None)


async def _look(proxy: CountingProxy, session: Peer, length: int) -> Cost:
    texts = iter(_texts(length, length + APPENDS))
    resumed: list[int] = []

    async def resume() -> None:
        resumed.append(await session.resume())

    resume_costs = await _means(proxy, resume, RESUMES)
    append_costs = await _means(proxy, lambda: session.add([next(texts)]), APPENDS)
    return Cost(length, append_costs, resume_costs, resumed[-1])


async def _means(proxy: CountingProxy, call: Callable[[], Awaitable[None]], times: int) -> Means:
    with proxy.phase("peers") as recorded:
        recorded.clear()
        for _ in range(times):
            await call()
        return Means(times, add_up(recorded))


async def _end(place: Place, peer: type[Peer], fits: int, too_long: int) -> int:
    """Return the length of the longest session, by halving; it lies between the two."""
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        async with peer.opened(place, secrets.token_hex(8)) as session:
            fits, too_long = (middle, too_long) if await _fits(session, _texts(0, middle)) else (fits, middle)
    return fits


async def _fits(session: Peer, texts: Sequence[str]) -> bool:
    try:
        await session.add(texts)
    except CosmosHttpResponseError as error:
        if error.status_code != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise
        return False
    return True


def _texts(start: int, end: int) -> list[str]:
    return [TYPICAL.text(number) for number in range(start, end)]
