"""One run of all benchmarks, in full or in short."""

import asyncio
import sys
from dataclasses import dataclass

from benchmarks import archival, handler, imports, large, lengths, memory, side_by_side, streaming, turns, writers
from benchmarks.archival import Archived
from benchmarks.chats import aside as chats
from benchmarks.chats.measure import Scale as ChatScale
from benchmarks.lengths import Milestone
from benchmarks.profiles import HEAVY, REAL, TYPICAL
from benchmarks.results import Results
from benchmarks.stage import staged
from benchmarks.writers import Outcome
from tests.cosmos_server.launch import CosmosServer


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything."""

    lengths: tuple[int, ...]
    crowd: tuple[int, int]  # writers, messages of each
    racers: side_by_side.Scale
    chats: ChatScale
    handler_blocks: int
    import_runs: int
    memory_counts: tuple[int, ...]
    turn_counts: tuple[int, ...]
    streaming: tuple[int, int, int]  # imports, starts of the worker, rounds of requests
    archival_cosmos: tuple[int, int]  # idle, existing
    archival_sqlite: tuple[int, int]


FULL = Scale(
    lengths=lengths.LENGTHS,
    crowd=(writers.WRITERS, writers.MESSAGES_EACH),
    racers=side_by_side.Scale(lengths.LENGTHS),
    chats=ChatScale(),
    handler_blocks=handler.BLOCKS,
    import_runs=imports.RUNS,
    memory_counts=memory.COUNTS,
    turn_counts=turns.COUNTS,
    streaming=(streaming.IMPORTS, streaming.STARTS, streaming.ROUNDS),
    archival_cosmos=archival.ON_COSMOS,
    archival_sqlite=archival.ON_SQLITE,
)
QUICK = Scale(
    lengths=(10, 60),
    crowd=(8, 5),
    racers=side_by_side.Scale((10, 60), writers=4, each=5),
    chats=ChatScale((6, 24), turns=2, lives=1, restarts=1, rest_seconds=0, profiles=(REAL.name,)),
    handler_blocks=4,
    import_runs=1,
    memory_counts=(),
    turn_counts=(),
    streaming=(1, 0, 0),
    archival_cosmos=(20, 50),
    archival_sqlite=(20, 50),
)


def measure(server: CosmosServer, scale: Scale) -> Results:
    """Measure everything at this scale."""
    milestones = asyncio.run(_grow(server, scale))
    outcomes = asyncio.run(_crowd(server, scale))
    after_large = asyncio.run(_after_large(server))
    server.reset()
    tell("the neighbours")
    beside = side_by_side.measure(scale.racers)
    for reason in beside.left_out:
        tell_aside(reason)
    found = chats.measure(scale.chats)
    for reason in found.left_out:
        tell_aside(reason)
    tell("the handler beside a bare call")
    overhead = asyncio.run(handler.measure(server, scale.handler_blocks))
    tell("imports")
    times, loaded = imports.measure(server, scale.import_runs)
    growths = asyncio.run(_serve(server, scale))
    server.reset()
    tell("turns")
    taken = asyncio.run(turns.measure(server, counts=scale.turn_counts))
    tell("HTTP_STREAMING")
    with_streaming = streaming.measure(server, *scale.streaming)
    if with_streaming.left_out:
        tell_aside(with_streaming.left_out)
    server.reset()
    tell("archival")
    archived = asyncio.run(_archive(server, scale))
    return Results(
        milestones,
        outcomes,
        after_large,
        beside,
        found,
        overhead,
        times,
        loaded,
        growths,
        archived,
        taken,
        with_streaming,
    )


async def _grow(server: CosmosServer, scale: Scale) -> list[Milestone]:
    milestones = []
    for profile in (TYPICAL, HEAVY):
        tell(f"{profile.name} sessions of up to {scale.lengths[-1]:,} messages")
        async with staged(server, profile.name) as stage:
            milestones += await lengths.measure(stage, profile, scale.lengths)
    return milestones


async def _crowd(server: CosmosServer, scale: Scale) -> list[Outcome]:
    tell("many writers on one session")
    async with staged(server, "writers") as stage:
        many, each = scale.crowd
        return [await writers.compete(stage, writers=many, each=each, sends=sends) for sends in (1, 2)]


async def _after_large(server: CosmosServer) -> large.LargeMessage:
    tell("appends after a large message")
    async with staged(server, "large") as stage:
        return await large.measure(stage)


async def _serve(server: CosmosServer, scale: Scale) -> list[memory.Growth]:
    reason = memory.missing_reason()
    if reason:
        tell_aside(reason)
    if reason or not scale.memory_counts:
        return []
    tell(f"memory over {scale.memory_counts[-1]:,} requests")
    return await memory.measure(server, scale.memory_counts)


async def _archive(server: CosmosServer, scale: Scale) -> list[Archived]:
    return [
        *await archival.on_cosmos(server, *scale.archival_cosmos),
        *await archival.on_sqlite(*scale.archival_sqlite),
    ]


def tell(what: str) -> None:
    """Show what is being measured."""
    tell_aside(f"measuring {what} …")


def tell_aside(text: str) -> None:
    """Show something that is no result."""
    print(text, file=sys.stderr, flush=True)
