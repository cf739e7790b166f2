"""The timer through the runtime's own conversion of what a host sends."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from shared.errors import StoreUnavailableError
from tests.builders import a_session, an_owner
from tests.worker.conftest import Start
from tests.worker.host import timer_data
from tests.worker.runtime import Runtime

TIMER = "archive_idle_sessions"


@pytest_asyncio.fixture
async def impatient(start: Start) -> AsyncIterator[Runtime]:
    """Run the functions where a second without activity is idle."""
    async with start(ARCHIVE_AFTER_SECONDS="1") as running:
        yield running


async def tick(runtime: Runtime, **told: bool) -> tuple[str, str]:
    """Let the timer be due; return the status and the exception that the host is told."""
    response = await runtime.invoke(TIMER, timer_data(**told))
    status = type(response.result).Status.Name(response.result.status)
    return status, response.result.exception.message


@pytest.mark.parametrize("monitored", [True, False])
async def test_a_tick_archives_what_is_idle(impatient: Runtime, monitored: bool) -> None:
    store, owner = impatient.app_module.chat.store, an_owner()
    idle = await store.create(a_session(owner))
    await asyncio.sleep(1.1)
    busy = await store.create(a_session(owner))

    assert await tick(impatient, monitored=monitored) == ("Success", "")
    assert (await store.get(owner, idle.id)).status == "archived"
    assert (await store.get(owner, busy.id)).status == "active"


@pytest.mark.parametrize("past_due", [True, False])
async def test_a_late_tick_is_logged_as_late(
    runtime: Runtime, caplog: pytest.LogCaptureFixture, past_due: bool
) -> None:
    with caplog.at_level(logging.WARNING, "parley.archival"):
        assert await tick(runtime, past_due=past_due) == ("Success", "")

    assert ("the archival run is late" in caplog.messages) is past_due


async def test_a_run_that_waited_for_a_cancelled_task_is_told_to_the_host(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cancelled(*_: object) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(runtime.app_module.chat.store, "idle_sessions", cancelled)

    async with asyncio.timeout(5):
        assert (await tick(runtime))[0] == "Failure"


async def test_a_failure_is_told_to_the_host(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise StoreUnavailableError

    monkeypatch.setattr(runtime.app_module.chat.store, "idle_sessions", fail)

    status, message = await tick(runtime)

    assert status == "Failure"
    assert message.startswith("StoreUnavailableError")
