"""What a process pays that has just started, or has never heard of a session: many instances are many of those."""

import secrets
from collections.abc import Sequence

from benchmarks.chats.costs import NEWEST, Cold, ColdCost
from benchmarks.chats.walk import Call, Walk, percentile
from benchmarks.counting_proxy import CountingProxy, add_up
from benchmarks.lengths import Means
from benchmarks.peers import Place, ThisBuild
from benchmarks.profiles import Profile

LENGTH = 100
FIRST = f"resume of {NEWEST}, the first request of a process"
LATER = f"resume of {NEWEST}, a later one"
UNKNOWN = "pair appended by a process that does not know the head"
KNOWN = "pair appended by one that does"


async def measure(proxy: CountingProxy, place: Place, build: type[ThisBuild], profile: Profile, rounds: int) -> Cold:
    """Read and append in processes that begin and in ones that go on, in turns, on one session that is long already."""
    async with build.opened(place, secrets.token_hex(8)) as session:
        walk = Walk(proxy, session, profile)
        await walk.grow(LENGTH)
        calls: dict[str, list[Call]] = {name: [] for name in (FIRST, LATER, UNKNOWN, KNOWN)}
        for _ in range(rounds):
            await session.start_anew(connected=False)
            calls[FIRST].append(await walk.call(session.newest(NEWEST), expected=NEWEST))
            await session.newest(NEWEST)  # before which the SDK asks for the partition's ranges
            calls[LATER].append(await walk.call(session.newest(NEWEST), expected=NEWEST))
            await session.start_anew(connected=True)
            calls[UNKNOWN].append(await walk.call(session.add(walk.next(2))))
            calls[KNOWN].append(await walk.call(session.add(walk.next(2))))
    return Cold(build.name, profile.name, {name: _cost(made) for name, made in calls.items()})


def _cost(calls: Sequence[Call]) -> ColdCost:
    exchanges = [exchange for call in calls for exchange in call.exchanges]
    return ColdCost(Means(len(calls), add_up(exchanges)), percentile([call.serial for call in calls]))
