"""Archival: what has gone quiet moves out of the way, a batch at a time, through the same store as everything else.

The timer runs it; `python -m shared.archival` is the same by hand, for the first big run.
"""

import asyncio
import json
import logging
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from time import monotonic

from shared.errors import ParleyError, StoreError
from shared.interruptions import must_pass
from shared.logs import event, trace
from shared.models import IdleSession, utc_now
from shared.settings import Settings, SettingsError, load_settings
from shared.store import explained, keep_quiet, open_store
from shared.store.port import SessionStore
from shared.usage import measured

logger = logging.getLogger("parley.archival")


class ArchivalFailedError(ParleyError):
    """The archival run ended before its time; the log says where."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long is idle, how much at once, and for how many seconds one run goes on."""

    idle_seconds: int
    batch_size: int = 1000
    concurrency: int = 8
    budget_seconds: float = 240

    @classmethod
    def of(cls, settings: Settings) -> "Plan":
        """Return the plan that the settings make."""
        return cls(
            settings.archive_after_seconds,
            settings.archive_batch_size,
            settings.archive_concurrency,
            settings.archive_budget_seconds,
        )


@dataclass(slots=True)
class Report:
    """What one run has done; skipped sessions were used meanwhile or came too late for its budget.

    The next run tries again what failed.
    """

    scanned: int = 0
    archived: int = 0
    skipped: int = 0
    failed: int = 0
    tidied: int = 0
    store_requests: int = 0
    request_units: float = 0.0
    seconds: float = 0.0
    budget_ended: bool = False


async def run(  # noqa: PLR0913 - a job says what it depends on
    store: SessionStore,
    plan: Plan,
    *,
    now: datetime | None = None,
    past_due: bool = False,
    dry_run: bool = False,
    progress: Callable[[int], object] = lambda _count: None,
) -> Report:
    """Archive every session idle since `now` less the plan's time, finish what is pending, and report.

    Idempotent, and harmless beside itself. Stops when the plan's budget is used up; the next run goes on.
    A dry run only counts what would be archived, in `scanned`. `progress` is told of each batch's size.
    """
    if past_due:
        logger.warning("the archival run is late")
    started = monotonic()
    report = Report()
    done = False
    with measured() as usage:
        try:
            await _Run(store, plan, started, report).go((now or utc_now()), dry_run=dry_run, progress=progress)
            done = True
        finally:  # a store that fails half-way takes back nothing of what was done before
            report.store_requests = usage.requests
            report.request_units = round(usage.request_units, 2)
            report.seconds = round(monotonic() - started, 3)
            level = logging.INFO if done and not report.failed else logging.WARNING
            told = usage.fields() | asdict(report) | {"dry_run": dry_run, "broken_off": not done}
            event("archival", told, level=level)
    return report


async def tick(store: SessionStore, plan: Plan, *, past_due: bool) -> None:
    """Run as the timer does; a failure is logged here, and the host is told its kind alone.

    A host logs what it is told with all that led to it, which may name sessions and users.
    """
    try:
        await run(store, plan, past_due=past_due)
    except BaseException as error:
        if must_pass(error):
            raise
        logger.error("the archival run failed\n%s", trace(error))  # noqa: TRY400 - its text may tell too much
        raise (error if isinstance(error, StoreError) else ArchivalFailedError()) from None


class _Run:
    """One run: batch after batch, longest idle first, so that one that always fails keeps nobody waiting."""

    def __init__(self, store: SessionStore, plan: Plan, started: float, report: Report) -> None:
        self._store, self._plan, self._report = store, plan, report
        self._deadline = started + plan.budget_seconds
        self._gate = asyncio.Semaphore(plan.concurrency)

    async def go(self, now: datetime, *, dry_run: bool, progress: Callable[[int], object]) -> None:
        idle_since = now - timedelta(seconds=self._plan.idle_seconds)
        after: IdleSession | None = None
        while not self._out_of_time():
            batch = await self._store.idle_sessions(idle_since, self._plan.batch_size, after)
            if not dry_run:
                await self._archive_batch(batch)
            self._report.scanned += len(batch)
            progress(len(batch))
            if len(batch) < self._plan.batch_size:
                break
            after = batch[-1]
        if not dry_run:
            await self._maintain()

    async def _archive_batch(self, batch: list[IdleSession]) -> None:
        """Archive each session for itself: whatever is wrong with one, the others are not kept waiting."""
        outcomes = await asyncio.gather(*(self._archive(session) for session in batch), return_exceptions=True)
        for failure in outcomes:
            if failure is not None:
                self._report.failed += 1
                logger.warning("a session could not be archived\n%s", trace(failure))

    async def _archive(self, session: IdleSession) -> None:
        async with self._gate:
            archived = not self._out_of_time() and await self._store.archive_idle(session)
            self._report.archived += archived
            self._report.skipped += not archived

    async def _maintain(self) -> None:
        while not self._out_of_time():
            done = await self._store.maintain(self._plan.batch_size)
            self._report.tidied += done
            if done < self._plan.batch_size:
                return

    def _out_of_time(self) -> bool:
        if monotonic() >= self._deadline:
            self._report.budget_ended = True
        return self._report.budget_ended


def main(arguments: list[str] | None = None) -> int:
    """Run archival once with a progress bar; 1 when some sessions or the store failed, 2 for broken settings."""
    import argparse  # noqa: PLC0415 - the timer parses no command line

    parser = argparse.ArgumentParser(prog="python -m shared.archival", description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="only count what would be archived")
    dry_run: bool = parser.parse_args(arguments).dry_run
    try:
        settings = load_settings()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        report = asyncio.run(_run_by_hand(settings, dry_run=dry_run))
    except StoreError as error:
        print(f"Archival stopped: {explained(error)}. What was archived stays so.", file=sys.stderr)
        return 1
    print(json.dumps(asdict(report), indent=2))
    return 1 if report.failed else 0


async def _run_by_hand(settings: Settings, *, dry_run: bool) -> Report:
    from shared.progress import watched  # noqa: PLC0415 - the timer shows none

    keep_quiet()  # what the store logs of a failure is told once, at the end
    store = open_store(settings)
    try:
        with watched() as progress:
            progress.begin("sessions", None)
            return await run(store, Plan.of(settings), dry_run=dry_run, progress=progress.advance)
    finally:
        await store.close()


if __name__ == "__main__":
    sys.exit(main())
