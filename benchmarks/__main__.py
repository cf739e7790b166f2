"""Runs the benchmarks: `make bench`, with `ARGS=--quick` or `ARGS=--thresholds` for something else."""

import argparse
import asyncio
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import archival, handler, lengths, thresholds, writers
from benchmarks.profiles import HEAVY, TYPICAL
from benchmarks.report import Results, page
from benchmarks.stage import staged
from tests.cosmos_server.launch import CosmosServer, missing_reason, running_server

RESULTS = Path(__file__).parent / "RESULTS.md"
QUICK_LENGTHS = (10, 60)
QUICK_ARCHIVAL = {"idle": 20, "existing": 50}
QUICK_WRITERS, QUICK_EACH, QUICK_BLOCKS = 8, 5, 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for; 0 when it ran and no message was lost or doubled, 2 when it cannot run."""
    options = _parse(arguments)
    reason = missing_reason()
    if reason:
        print(reason, file=sys.stderr)
        return 2
    with running_server() as server:
        if options.thresholds:
            asyncio.run(_explore(server))
            return 0
        results = asyncio.run(_measure(server, quick=options.quick))
    text = page(results)
    print(text)
    print(f"Here: {_milliseconds(results.overhead)}.")
    if not options.quick:
        RESULTS.write_text(text, "utf-8")
    return 0 if results.nothing_lost else 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure what Parley costs at Cosmos DB.")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--quick", action="store_true", help="short sessions, in seconds; writes no file")
    kinds.add_argument("--thresholds", action="store_true", help="what other rotation thresholds would cost")
    return parser.parse_args(arguments)


async def _measure(server: CosmosServer, *, quick: bool) -> Results:
    marks = QUICK_LENGTHS if quick else lengths.LENGTHS
    crowd = {"writers": QUICK_WRITERS, "each": QUICK_EACH} if quick else {}
    milestones = []
    for profile in (TYPICAL, HEAVY):
        _tell(f"{profile.name} sessions of up to {marks[-1]:,} messages")
        async with staged(server, profile.name) as stage:
            milestones += await lengths.measure(stage, profile, marks)
    _tell("many writers on one session")
    async with staged(server, "writers") as stage:
        outcomes = [await writers.compete(stage, sends=sends, **crowd) for sends in (1, 2)]
    _tell("the handler beside a bare call")
    server.reset()
    overhead = await handler.measure(server, QUICK_BLOCKS if quick else handler.BLOCKS)
    _tell("archival")
    sizes = QUICK_ARCHIVAL if quick else {}
    archived = await archival.on_cosmos(server, **sizes) + await archival.on_sqlite(**sizes)
    return Results(milestones, outcomes, overhead, archived)


async def _explore(server: CosmosServer) -> None:
    async with staged(server, "thresholds") as stage:
        await thresholds.explore(stage)


def _tell(what: str) -> None:
    print(f"measuring {what} …", file=sys.stderr, flush=True)


def _milliseconds(overhead: handler.Overhead) -> str:
    through, bare = statistics.median(overhead.handler_ms), statistics.median(overhead.bare_ms)
    return f"{through:.2f} ms through the handler, {bare:.2f} ms for the bare call"


if __name__ == "__main__":
    sys.exit(main())
