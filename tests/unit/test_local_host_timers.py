"""Timers: schedules, runs by hand, and what happens when they fail, are late or are still running."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import azure.functions as func
import pytest
from aiohttp import web

from shared.local_host import HostError, build_web_app
from shared.local_host import timers as timers_module
from shared.local_host.index import read_functions
from shared.local_host.timers import Timers
from tests.unit.local_host_app import serving

NEVER_SOON = "0 0 0 1 1 *"
EVERY_SECOND = "* * * * * *"

Body = Callable[[func.TimerRequest], Awaitable[None]]


def _app(body: Body, *, schedule: str = NEVER_SOON) -> func.FunctionApp:
    app = func.FunctionApp()

    @app.timer_trigger(arg_name="timer", schedule=schedule)
    async def tick(timer: func.TimerRequest) -> None:
        await body(timer)

    return app


class _Recorder:
    """Counts runs; each run may be held until the test lets it go."""

    def __init__(self, *, held: bool = False) -> None:
        self.requests: list[func.TimerRequest] = []
        self.most_at_once = 0
        self.finished = 0
        self.started = asyncio.Event()
        self.release = asyncio.Event()
        if not held:
            self.release.set()

    async def run(self, timer: func.TimerRequest) -> None:
        self.requests.append(timer)
        self.most_at_once = max(self.most_at_once, len(self.requests) - self.finished)
        self.started.set()
        await self.release.wait()
        await asyncio.sleep(0)
        self.finished += 1


class _Clock:
    """Replaces the wall clock: the first ticks come at once, each as late as it says, then time stands still."""

    def __init__(self, *lateness_seconds: float) -> None:
        self._now = datetime(2026, 1, 1, 12, tzinfo=UTC)
        self._lateness = list(lateness_seconds)
        self.stands_still = asyncio.Event()

    def now(self) -> datetime:
        return self._now

    async def sleep_until(self, due: datetime) -> None:
        await asyncio.sleep(0.01)
        if not self._lateness:
            self.stands_still.set()
            await asyncio.Event().wait()
        self._now = due + timedelta(seconds=self._lateness.pop(0))


@pytest.fixture
def use_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[_Clock], None]:
    def use(clock: _Clock) -> None:
        monkeypatch.setattr(timers_module, "_now", clock.now)
        monkeypatch.setattr(timers_module, "_sleep_until", clock.sleep_until)

    return use


async def test_a_timer_fires_on_its_schedule() -> None:
    recorder = _Recorder()

    async with serving(_app(recorder.run, schedule=EVERY_SECOND)):
        await asyncio.wait_for(recorder.started.wait(), 1.5)

    assert isinstance(recorder.requests[0], func.TimerRequest)
    assert recorder.requests[0].past_due is False


async def test_a_timer_fired_by_hand_runs_in_the_background() -> None:
    recorder = _Recorder(held=True)

    async with serving(_app(recorder.run)) as client:
        answer = await client.post("/admin/functions/tick", json={"input": "now"})
        finished_at_the_answer = recorder.finished
        recorder.release.set()

    assert (answer.status, await answer.read()) == (202, b"")
    assert (finished_at_the_answer, recorder.finished) == (0, 1)


async def test_firing_an_unknown_function_is_404() -> None:
    async with serving(_app(_Recorder().run)) as client:
        answer = await client.post("/admin/functions/nope", json={})

    assert answer.status == 404


async def test_a_timer_that_fails_is_logged_and_the_host_lives_on(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(timer: func.TimerRequest) -> None:
        raise RuntimeError("tick failed")

    async with serving(_app(fail)) as client:
        answers = [await client.post("/admin/functions/tick", json={}) for _ in range(2)]

    assert [answer.status for answer in answers] == [202, 202]
    assert [record.getMessage() for record in caplog.records if record.exc_info] == ["Timer tick failed"] * 2


async def test_runs_fired_by_hand_follow_each_other_and_never_overlap() -> None:
    recorder = _Recorder(held=True)

    async with serving(_app(recorder.run)) as client:
        for _ in range(3):
            await client.post("/admin/functions/tick", json={})
        recorder.release.set()

    assert (recorder.finished, recorder.most_at_once) == (3, 1)


async def test_a_tick_during_a_run_is_skipped(
    use_clock: Callable[[_Clock], None], caplog: pytest.LogCaptureFixture
) -> None:
    clock, recorder = _Clock(0, 0, 0), _Recorder(held=True)
    use_clock(clock)

    async with serving(_app(recorder.run, schedule=EVERY_SECOND)):
        await clock.stands_still.wait()
        recorder.release.set()

    assert len(recorder.requests) == 1
    assert sum("still running" in record.getMessage() for record in caplog.records) == 2


@pytest.mark.parametrize(("lateness_seconds", "past_due"), [(0, False), (1, False), (60, True)])
async def test_a_timer_is_told_that_it_is_late(
    use_clock: Callable[[_Clock], None], lateness_seconds: float, past_due: bool
) -> None:
    clock, recorder = _Clock(lateness_seconds), _Recorder()
    use_clock(clock)

    async with serving(_app(recorder.run, schedule="0 0 * * * *")):
        await clock.stands_still.wait()

    assert [request.past_due for request in recorder.requests] == [past_due]


async def test_ticks_missed_while_the_machine_slept_are_made_up_for_once(use_clock: Callable[[_Clock], None]) -> None:
    clock, recorder = _Clock(7200, 0), _Recorder()
    use_clock(clock)

    async with serving(_app(recorder.run, schedule="0 0 * * * *")):
        await clock.stands_still.wait()

    assert [request.past_due for request in recorder.requests] == [True, False]


async def _stop_with(recorder: _Recorder, grace_seconds: float) -> None:
    timers = Timers(read_functions(_app(recorder.run)), grace_seconds=grace_seconds)  # type: ignore[arg-type]
    web_app = web.Application()
    timers.install(web_app)
    runner = web.AppRunner(web_app)
    await runner.setup()
    timers.fire("tick")
    await recorder.started.wait()
    await runner.cleanup()


async def test_a_run_under_way_may_end_when_the_host_stops() -> None:
    recorder = _Recorder(held=True)
    asyncio.get_running_loop().call_later(0.05, recorder.release.set)

    await _stop_with(recorder, grace_seconds=5)

    assert recorder.finished == 1


async def test_a_run_that_does_not_end_is_cancelled() -> None:
    recorder = _Recorder(held=True)

    await _stop_with(recorder, grace_seconds=0.05)

    assert recorder.finished == 0


async def test_admin_names_the_schedule_of_a_timer() -> None:
    async with serving(_app(_Recorder().run)) as client:
        shown = await (await client.get("/admin/functions/tick")).json()

    assert (shown["trigger"], shown["schedule"], shown["route"]) == ("timerTrigger", NEVER_SOON, None)


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("%ARCHIVE_SCHEDULE%", "six fields"),
        ("00:05:00", "six fields"),
        ("*/5 * * * *", "six fields"),
        ("0 0 22-2 * * *", "from 2 to 22"),
    ],
)
def test_a_schedule_that_cannot_be_used_stops_the_start_and_names_the_function(expression: str, complaint: str) -> None:
    with pytest.raises(HostError) as refusal:
        build_web_app(_app(_Recorder().run, schedule=expression), host_json={})

    assert complaint in str(refusal.value)
    assert "'tick'" in str(refusal.value)


def test_a_timer_that_runs_on_startup_stops_the_start() -> None:
    app = func.FunctionApp()

    @app.timer_trigger(arg_name="timer", schedule=NEVER_SOON, run_on_startup=True)
    async def tick(timer: func.TimerRequest) -> None: ...

    with pytest.raises(HostError, match="'tick' runs on startup"):
        build_web_app(app, host_json={})
