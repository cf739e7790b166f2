"""`python -m tests.chaos`: many seeds, one after another; a table at the end, and exit code 1 on any violation."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine, Iterator
from time import monotonic
from typing import Any

from tqdm import tqdm

from tests.chaos import talking
from tests.chaos.run import Plan, Report, run
from tests.cosmos_server.launch import CosmosServer, missing_reason, running_server

Run = Callable[[CosmosServer, Plan], Coroutine[Any, Any, Report]]


def main(arguments: list[str] | None = None) -> int:
    """Run the seeds asked for; 1 when a promise was broken, 2 where the test server cannot run."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many")
    parser.add_argument("--start", type=int, default=0, help="the first one")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--rate", type=float, default=0.05, help="the share of store requests that meet a fault")
    parser.add_argument("--instances", type=int, default=1, help="more than one read from replicas that lag")
    parser.add_argument("--turns", action="store_true", help="turns with a moody model, instead of appends")
    wanted = parser.parse_args(arguments)
    if reason := missing_reason():
        print(reason, file=sys.stderr)  # noqa: T201 - it talks to a person at a terminal
        return 2
    logging.disable(logging.CRITICAL)  # every fault is logged, as it should be
    seeds = range(wanted.start, wanted.start + wanted.seeds)
    plans = [Plan(seed, wanted.clients, wanted.rate, wanted.instances) for seed in seeds]
    started = monotonic()
    total = _run_all(plans, talking.run if wanted.turns else run, " --turns" if wanted.turns else "")
    for line in summary(total, monotonic() - started):
        print(line)  # noqa: T201 - as above
    return 1 if total.violations else 0


def _run_all(plans: list[Plan], run_one: Run, option: str) -> Report:
    total = Report()
    with running_server() as server, tqdm(plans, unit=" seeds", disable=None) as bar:
        for plan in bar:
            report = asyncio.run(run_one(server, plan))
            for seed, violation in report.violations:
                bar.write(f"seed {seed}: {violation.kind}: {violation.detail}")
            if report.violations:
                again = f"--clients {plan.clients} --rate {plan.rate} --instances {plan.instances}{option}"
                bar.write(f"again with: python -m tests.chaos --seeds 1 --start {plan.seed} {again}")
            total.add(report)
    return total


def summary(report: Report, seconds: float) -> Iterator[str]:
    """Say in a table what all runs came to."""
    rows: dict[str, object] = {
        "seeds": report.seeds,
        "requests": report.requests,
        "repeated by clients": report.repeated,
        "store requests": report.store_requests,
        "faults": report.faults.total(),
        **{f"  {name}": number for name, number in sorted(report.faults.items())},
        "appends acknowledged": report.appends_acknowledged,
        "messages acknowledged": report.messages_acknowledged,
        "turns": report.turns,
        "replies told": report.replies,
        "times a model was asked": report.askings,
        "pages sealed and kept": report.pages,
        "sessions archived": report.archived,
        "lost": report.count("lost"),
        "doubled": report.count("doubled", "doubled unacknowledged"),
        "paid twice": report.count("paid twice"),
        "violations": len(report.violations),
        "seeds with violations": ", ".join(str(seed) for seed in sorted({seed for seed, _ in report.violations}))
        or "none",
        "longest request, seconds": f"{report.longest_seconds:.1f}",
        "wall time, seconds": f"{seconds:.0f}",
    }
    width = max(len(name) for name in rows)
    return (f"{name:{width}}  {value}" for name, value in rows.items())


if __name__ == "__main__":
    sys.exit(main())
