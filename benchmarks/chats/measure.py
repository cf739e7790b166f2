"""Every peer and profile in turn, on the same server and through the same proxy."""

import asyncio
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.chats import cold
from benchmarks.chats.costs import NEWEST, ChatCost, Chats, Cold, Rest, ShortLives
from benchmarks.chats.walk import Walk, recording
from benchmarks.counting_proxy import CountingProxy, Exchange, add_up, counting_proxy
from benchmarks.lengths import Means
from benchmarks.metering import Meter
from benchmarks.peers import CHATTING, BuildBefore, Chatting, Place, ThisBuild
from benchmarks.profiles import REAL, TYPICAL, Profile
from tests.cosmos_server.launch import CosmosServer

LENGTHS = (6, 100, 1_000, 10_000)  # 3 to 5,000 turns
LIFE_TURNS = 5
PROFILES = {profile.name: profile for profile in (REAL, TYPICAL)}


@dataclass(frozen=True, slots=True)
class Scale:
    """How long sessions get, how many of their turns are looked at, and how many short ones there are."""

    lengths: tuple[int, ...] = LENGTHS
    turns: int = 100
    lives: int = 20
    restarts: int = 40
    rest_seconds: float = 30
    profiles: tuple[str, ...] = tuple(PROFILES)


async def measure(server: CosmosServer, scale: Scale) -> Chats:
    """Measure every peer that is to be had here."""
    peers = [peer for peer in CHATTING if not peer.missing_reason()]
    costs: list[ChatCost] = []
    lives: list[ShortLives] = []
    colds: list[Cold] = []
    for peer in peers:
        for profile in (PROFILES[name] for name in scale.profiles):
            print(f"measuring {profile.name} chats by {peer.name} …", file=sys.stderr, flush=True)
            async with counting_proxy(server.endpoint, Meter()) as proxy:
                place = Place(proxy.endpoint, server.key, f"chats-{profile.name}")
                costs += await _lengths(proxy, place, peer, profile, scale)
                lives.append(await _lives(proxy, place, peer, profile, scale.lives))
                if issubclass(peer, ThisBuild):
                    colds.append(await cold.measure(proxy, place, peer, profile, scale.restarts))
        server.reset()
    return Chats(
        costs=costs,
        lives=lives,
        colds=colds,
        rests=await _rests(server, peers, scale.rest_seconds) if scale.rest_seconds else [],
        left_out=[reason for peer in CHATTING if (reason := peer.missing_reason())],
    )


async def _lengths(
    proxy: CountingProxy, place: Place, peer: type[Chatting], profile: Profile, scale: Scale
) -> list[ChatCost]:
    async with peer.opened(place, secrets.token_hex(8)) as session:
        await _warm_up(session)
        walk = Walk(proxy, session, profile)
        costs: list[ChatCost] = []
        for length in scale.lengths:
            if walk.length and length - 2 * scale.turns < walk.length:
                await session.begin(secrets.token_hex(8))  # the session before has come too near to that
                walk.length = 0
            costs.append(await walk.look(length, scale.turns))
            if costs[-1].ends:
                break
        return costs


async def _warm_up(session: Chatting) -> None:
    """Have the client send what it sends once in its life."""
    await session.add(["first"])
    await session.newest(1)
    await session.begin(secrets.token_hex(8))


async def _lives(proxy: CountingProxy, place: Place, peer: type[Chatting], profile: Profile, count: int) -> ShortLives:
    """Let so many sessions of a new owner live their few turns, list them, then let as many live and be deleted."""
    place = Place(place.endpoint, place.key, f"{place.database}-lives")
    async with peer.opened(place, "warm-up") as session:
        await _warm_up(session)
        await session.begin("warm-up")
        kept = [await _life(proxy, session, profile, number) for number in range(count)]
        listed = None
        if peer.lists:
            with recording(proxy) as recorded:
                await session.listed(count)
            listed = Means(1, add_up(recorded))
        deleted = [await _life(proxy, session, profile, number, delete=True) for number in range(count)]
    return ShortLives(peer.name, profile.name, LIFE_TURNS, _per_turn(kept), _per_turn(deleted), listed)


async def _life(
    proxy: CountingProxy, session: Chatting, profile: Profile, number: int, *, delete: bool = False
) -> list[Exchange]:
    with recording(proxy) as recorded:
        await session.begin(secrets.token_hex(8))
        for turn in range(LIFE_TURNS):
            if turn:
                await session.newest(NEWEST)
            first = 2 * (number * LIFE_TURNS + turn) + 1
            await session.add([profile.text(first), profile.text(first + 1)])
        if delete:
            await session.delete()
    return list(recorded)


def _per_turn(lives: Sequence[Sequence[Exchange]]) -> Means:
    return Means(len(lives) * LIFE_TURNS, add_up(exchange for life in lives for exchange in life))


async def _rests(server: CosmosServer, peers: Sequence[type[Chatting]], seconds: float) -> list[Rest]:
    builds = [peer for peer in peers if peer in (ThisBuild, BuildBefore)]
    return list(await asyncio.gather(*(_rest(server, build, seconds) for build in builds)))


async def _rest(server: CosmosServer, build: type[Chatting], seconds: float) -> Rest:
    async with (
        counting_proxy(server.endpoint) as proxy,
        build.opened(Place(proxy.endpoint, server.key, "rest"), "rest") as session,
    ):
        await _warm_up(session)
        await session.add(["before"])
        before = proxy.connections
        await asyncio.sleep(seconds)
        await session.newest(1)
        return Rest(build.name, seconds, proxy.connections - before)
