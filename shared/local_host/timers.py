"""Timer functions: NCRONTAB schedules in UTC, one run of a function at a time."""

import asyncio
import logging
import re
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

FIELDS_WITHOUT_SECONDS: Final = 5

_LATE: Final = timedelta(seconds=2)
_LONGEST_SLEEP_SECONDS: Final = 30.0


class Timer:
    """One timer function: runs when it is due or fired by hand, never twice at once."""

    def __init__(self, function: TimerFunction) -> None:
        """Read the schedule; raises HostError when it cannot be used."""
        self.function = function
        try:
            self._schedule = read_schedule(function.schedule)
        except HostError as exc:
            raise HostError(f"function {function.name!r}: {exc}") from exc
        self._running = asyncio.Lock()
        self._runs: set[asyncio.Task[None]] = set()
        self._last_run: datetime | None = None

    def fire(self, *, past_due: bool = False) -> None:
        """Run the function in the background, after the run that is under way; a failure is logged."""
        run = asyncio.create_task(self._run(past_due=past_due), name=f"timer {self.function.name}")
        self._runs.add(run)
        run.add_done_callback(self._runs.discard)

    async def keep_time(self) -> None:
        """Fire at every due time, for ever; a due time during a run is skipped."""
        if self.function.run_on_startup:
            self.fire()
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
            request = TimerRequest(past_due=past_due, schedule={"AdjustForDST": True}, schedule_status=self._status())
            self._last_run = _now()
            try:
                await call(self.function, request)
            except Exception:  # the host's boundary: a function may raise anything, and the next tick comes anyway
                logger.exception("Timer %s failed", self.function.name)

    def _status(self) -> dict[str, str]:
        last = self._last_run or datetime(1, 1, 1, tzinfo=UTC)
        return {
            "Last": last.isoformat(),
            "LastUpdated": last.isoformat(),
            "Next": self._schedule.next_after(_now()).isoformat(),
        }


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


def read_schedule(expression: str) -> Schedule:
    """Read an NCRONTAB expression, of five fields without seconds; raises HostError, naming it, when it is none."""
    if "%" in expression:
        raise HostError(f"the schedule {expression!r} names a setting, which the local host does not look up")
    if re.fullmatch(r"(?:\d+\.)?\d+:\d+:\d+", expression):
        raise HostError(f"the schedule {expression!r} is a TimeSpan; the local host takes cron expressions only")
    without_seconds = len(expression.split()) == FIELDS_WITHOUT_SECONDS
    try:
        return Schedule(f"0 {expression}" if without_seconds else expression)
    except ScheduleError as exc:
        raise HostError(f"the schedule {expression!r} {exc}") from exc


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
