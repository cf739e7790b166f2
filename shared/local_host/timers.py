"""Timer functions: NCRONTAB schedules in UTC, one run of a function at a time."""

import asyncio
import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from aiohttp import web
from azure.functions.timer import TimerRequest

from shared.local_host.errors import HostError
from shared.local_host.index import TimerFunction
from shared.local_host.invoke import call
from shared.schedule import Schedule, ScheduleError

logger = logging.getLogger(__name__)

GRACE_SECONDS: Final = 5.0
"""How long a run that is under way may go on once the host stops."""

_LATE: Final = timedelta(seconds=2)
_LONGEST_SLEEP_SECONDS: Final = 30.0


class Timer:
    """One timer function: runs when it is due or fired by hand, never twice at once."""

    def __init__(self, function: TimerFunction) -> None:
        """Read the schedule; raises HostError when it cannot be used."""
        self.function = function
        try:
            self._schedule = Schedule(function.schedule)
        except ScheduleError as exc:
            raise HostError(f"function {function.name!r}: the schedule {function.schedule!r} {exc}") from exc
        self._running = asyncio.Lock()
        self._runs: set[asyncio.Task[None]] = set()

    def fire(self, *, past_due: bool = False) -> None:
        """Run the function in the background, after the run that is under way; a failure is logged."""
        run = asyncio.create_task(self._run(past_due=past_due), name=f"timer {self.function.name}")
        self._runs.add(run)
        run.add_done_callback(self._runs.discard)

    async def keep_time(self) -> None:
        """Fire at every due time, for ever; a due time during a run is skipped."""
        due = self._schedule.next_after(_now())
        while True:
            await _sleep_until(due)
            if self._runs:
                logger.warning("Timer %s is still running: the tick of %s is skipped", self.function.name, due)
            else:
                self.fire(past_due=_now() - due > _LATE)
            due = self._schedule.next_after(max(due, _now()))

    async def finish(self, grace_seconds: float) -> None:
        """Wait for runs that are under way, then cancel them."""
        runs = set(self._runs)
        if runs:
            await asyncio.wait(runs, timeout=grace_seconds)
        await _cancel(runs)

    async def _run(self, *, past_due: bool) -> None:
        async with self._running:
            try:
                await call(self.function, TimerRequest(past_due=past_due))
            except Exception:  # the host's boundary: a function may raise anything, and the next tick comes anyway
                logger.exception("Timer %s failed", self.function.name)


class Timers:
    """All timers of an app, alive as long as its web application."""

    def __init__(self, functions: Iterable[TimerFunction], *, grace_seconds: float = GRACE_SECONDS) -> None:
        """Read all schedules; raises HostError for the first that cannot be used."""
        self._timers = {function.name.lower(): Timer(function) for function in functions}
        self._clocks: set[asyncio.Task[None]] = set()
        self._grace_seconds = grace_seconds

    def fire(self, name: str) -> bool:
        """Fire a timer by hand; False when no timer has that name."""
        timer = self._timers.get(name.lower())
        if timer is not None:
            timer.fire()
        return timer is not None

    def install(self, web_app: web.Application) -> None:
        """Keep time from the start of the web application to its end: no tick comes while it closes connections."""
        web_app.on_startup.append(self._start)
        web_app.on_shutdown.append(self._stop)
        web_app.on_cleanup.append(self._finish)

    async def _start(self, _web_app: web.Application) -> None:
        self._clocks = {asyncio.create_task(timer.keep_time()) for timer in self._timers.values()}

    async def _stop(self, _web_app: web.Application) -> None:
        await _cancel(self._clocks)

    async def _finish(self, _web_app: web.Application) -> None:
        await asyncio.gather(*(timer.finish(self._grace_seconds) for timer in self._timers.values()))


def _now() -> datetime:
    return datetime.now(UTC)


async def _sleep_until(due: datetime) -> None:
    """Sleep in short stretches: the loop's clock stands still while a laptop sleeps."""
    while (seconds := (due - _now()).total_seconds()) > 0:  # noqa: ASYNC110 - it is time that is waited for
        await asyncio.sleep(min(seconds, _LONGEST_SLEEP_SECONDS))


async def _cancel(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
