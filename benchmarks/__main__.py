"""Runs the benchmarks: `make bench`; `ARGS=--quick`, `--chats 100,1000`, `--frameworks`, or a part alone."""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import plots, side_by_side, streaming, thresholds, turns
from benchmarks.chats import aside
from benchmarks.chats.measure import Scale as ChatScale
from benchmarks.frameworks import measure as frameworks
from benchmarks.frameworks import report as frameworks_report
from benchmarks.report import chat_targets, chats, page
from benchmarks.results import Results
from benchmarks.run import FULL, QUICK, measure
from tests.cosmos_server.launch import CosmosServer, missing_reason, running_server

RESULTS = Path(__file__).parent / "RESULTS.md"
FRAMEWORKS = Path(__file__).parent / "FRAMEWORKS.md"
PLOTS = Path(__file__).parent / "plots"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for; 0 when it ran and Parley lost or doubled nothing, 2 when it cannot run."""
    options = _parse(arguments)
    if options.chats:
        return _chats(options.chats)
    if options.frameworks is not None:
        return _frameworks(options.frameworks)
    is_whole = not (options.quick or options.thresholds or options.turns or options.streaming)
    reason = missing_reason() or (side_by_side.missing_reason() if is_whole else None)
    if reason:
        print(reason, file=sys.stderr)
        return 2
    started = time.monotonic()
    with running_server() as server:
        if _measured_alone(options, server):
            return 0
        results = measure(server, QUICK if options.quick else FULL)
    text = page(results)
    print(text)
    print(f"Here: {_milliseconds(results)}; {time.monotonic() - started:.0f} s in all.")
    if not options.quick:
        RESULTS.write_text(text, "utf-8")
        plots.write(results, PLOTS)
        _frameworks([])
    return 0 if results.nothing_lost else 1


def _measured_alone(options: argparse.Namespace, server: CosmosServer) -> bool:
    """Measure and print the one part that is asked for; return whether one is."""
    if options.thresholds:
        asyncio.run(thresholds.explore(server))
    elif options.turns:
        print(turns.section(asyncio.run(turns.measure(server))))
    elif options.streaming:
        print(streaming.section(streaming.measure(server)))
    else:
        return False
    return True


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure what Parley costs at Cosmos DB.")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--quick", action="store_true", help="short sessions, within a minute; writes no file")
    kinds.add_argument("--thresholds", action="store_true", help="what other sizes of a generation would cost")
    kinds.add_argument("--turns", action="store_true", help="turns with a model alone; writes no file")
    kinds.add_argument("--streaming", action="store_true", help="what HTTP_STREAMING costs alone; writes no file")
    kinds.add_argument(
        "--chats",
        type=lambda text: tuple(map(int, text.split(","))),
        metavar="LENGTHS",
        help="chats alone, at these lengths, such as 100,1000; writes no file",
    )
    kinds.add_argument(
        "--frameworks",
        nargs="*",
        metavar="NAME",
        help="the adapters beside their frameworks' own stores; writes a file unless it is told which",
    )
    return parser.parse_args(arguments)


def _chats(lengths: tuple[int, ...]) -> int:
    if reason := missing_reason():
        print(reason, file=sys.stderr)
        return 2
    found = aside.measure(ChatScale(lengths))
    print(f"{chat_targets.section(found)}\n{chats.section(found)}")
    return 0


def _frameworks(names: Sequence[str]) -> int:
    """Measure every adapter whose environment is there, or these; say which ones are not."""
    left_out = frameworks.missing_reasons()
    for reason in left_out:
        print(reason, file=sys.stderr)
    if reason := missing_reason() or (None if frameworks.has_any() else "no framework is installed"):
        print(reason, file=sys.stderr)
        return 2
    found = frameworks.measure(names)
    text = frameworks_report.page(found, left_out)
    print(text)
    if not names:
        FRAMEWORKS.write_text(text, "utf-8")
    return 0 if frameworks_report.nothing_lost(found) else 1


def _milliseconds(results: Results) -> str:
    """Tell the times that depend on the machine, which the page leaves out."""
    overhead = results.overhead
    told = [
        f"{statistics.median(overhead.handler_ms):.2f} ms through the handler",
        f"{statistics.median(overhead.bare_ms):.2f} ms for the bare call",
        f"{statistics.median(overhead.connected_ms):.2f} ms for it on Parley's connection",
    ]
    for one in results.imports:
        app, others = (statistics.median(times) * 1000 for times in (one.app, one.third_party))
        told.append(f"import on {one.store} {app:.0f} ms, of third-party modules alone {others:.0f} ms")
    return ", ".join(told)


if __name__ == "__main__":
    sys.exit(main())
