"""Measures on the account that COSMOS_ENDPOINT names: `make measure-live`; `ARGS=--dry-run` only says the cost."""

import argparse
import asyncio
import math
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from azure.core.exceptions import AzureError

from benchmarks.live import charges, engine, proofs, report
from benchmarks.live.place import POLICIES, Account, database_of_ones_own
from benchmarks.live.samples import Sampler
from shared.settings import SettingsError, load_settings
from shared.store.cosmos.provision import explain

PAGE = Path(__file__).parent.parent / "LIVE.md"
DOLLARS_PER_UNIT = 0.25e-6  # serverless, West Europe and most regions; azure.microsoft.com/pricing/details/cosmos-db
DOLLARS_PER_CONTAINER_HOUR = 0.032  # provisioned: 400 units a second, the least there is
UNITS_PER_SECOND = 300.0  # what is sent, so that a container of 400 does not throttle
REST_OF_UNITS = 20_000  # the engine's own work and the questions, generously


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, and how fast."""

    requests: charges.Scale = field(default_factory=charges.Scale)
    work: engine.Scale = field(default_factory=engine.Scale)
    units_per_second: float = UNITS_PER_SECOND

    def cost(self, account: Account) -> str:
        """Say what it will cost, before it does."""
        model = charges.estimate(self.requests)
        units = model.measured + model.index + REST_OF_UNITS
        minutes = math.ceil(units / self.units_per_second / 60) if self.units_per_second else 1
        hours = len(POLICIES) * DOLLARS_PER_CONTAINER_HOUR
        return (
            f"{account.endpoint} gets a database of its own, with {len(POLICIES)} containers, which is removed again.\n"
            f"About {units:,.0f} request units in some {minutes} minutes: about ${units * DOLLARS_PER_UNIT:.2f} on a"
            f" serverless account, and on a provisioned one ${hours:.2f} for each hour begun.\n"
            "Nothing else in the account is touched; Ctrl-C ends it and removes the database too."
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 0 when all that the engine takes for granted holds, 1 when not, 2 when it could not be measured."""
    options = _parse(arguments)
    try:
        account = Account.of(load_settings())
    except SettingsError as error:
        account = str(error)
    if isinstance(account, str):
        print(account, file=sys.stderr)
        return 2
    plan = Plan(charges.Scale(repeats=options.repeats), units_per_second=options.units_per_second)
    print(plan.cost(account), flush=True)
    if options.dry_run:
        return 0
    try:
        text, holds = asyncio.run(measure(account, plan))
    except AzureError as error:
        print(f"{account.endpoint}: {explain(error)}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("Ended; the database is removed.", file=sys.stderr)
        return 2
    print(text)
    options.output.write_text(text, "utf-8")
    return 0 if holds else 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description="Measure what an account charges.")
    parser.add_argument("--dry-run", action="store_true", help="say what it would cost, and send nothing")
    parser.add_argument("--repeats", type=int, default=100, help="how often each request is sent")
    parser.add_argument("--output", type=Path, default=PAGE, help="the file to write the tables to")
    parser.add_argument(
        "--units-per-second", type=float, default=UNITS_PER_SECOND, help="request units to use a second; 0: any number"
    )
    return parser.parse_args(arguments)


async def measure(account: Account, plan: Plan) -> tuple[str, bool]:
    """Measure, and return the page and whether all that the engine takes for granted holds; the database is removed."""
    _stop_on_sigterm()
    async with database_of_ones_own(account) as place:
        for name in place.left_behind:
            print(f"{name} is there already: of another run, or one that was killed; remove it then.", file=sys.stderr)
        sampler = Sampler(place, plan.units_per_second)
        for what, step in (
            ("charges of writes", charges.writes),
            ("charges of refusals", charges.refusals),
            ("charges of batches", charges.batches),
            ("charges of queries", charges.queries),
        ):
            print(f"measuring {what} …", file=sys.stderr, flush=True)
            await step(sampler, plan.requests)
        print("asking what the engine takes for granted …", file=sys.stderr, flush=True)
        answered = [*await proofs.prove(sampler), *await engine.prove(sampler, plan.work)]
        done = await engine.work(sampler, plan.work)
    text = report.page(sampler.samples, answered, done, sampler.throttled)
    return text, all(proof.holds for proof in answered)


def _stop_on_sigterm() -> None:
    """End as Ctrl-C does: the database is removed on the way out."""
    task = asyncio.current_task()
    with suppress(NotImplementedError):  # Windows
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: task and task.cancel())


if __name__ == "__main__":
    sys.exit(main())
