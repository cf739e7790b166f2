"""A browser and a Parley for each module, and a person with a tab for each test."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.builders import an_owner
from tests.e2e.browser import command_or_skip, running_browser, visiting
from tests.e2e.process import Parley, running
from tests.page.person import Person

Another = Callable[[str], Awaitable[Person]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Run a browser; skip with the reason where there is none."""
    async with running_browser() as started:
        yield started


@pytest.fixture(scope="module")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Name the file that Parley's log goes to."""
    return tmp_path_factory.mktemp("log") / "log"


@pytest.fixture(scope="module")
def store_settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Lead to a data file of the module's own; a module that runs on each store has another fixture of this name."""
    return {"SQLITE_PATH": str(tmp_path_factory.mktemp("data") / "parley.db")}


@pytest.fixture(scope="module")
def parley(store_settings: dict[str, str], log_file: Path) -> Iterator[Parley]:
    """Run Parley on a store of its own."""
    command_or_skip()
    with log_file.open("w") as log, running(log=log, **store_settings) as process:
        yield process


@pytest_asyncio.fixture(loop_scope="module")
async def another(browser: Browser, parley: Parley) -> AsyncIterator[Another]:
    """Return a function that lets somebody have a tab in a browser of their own."""
    async with AsyncExitStack() as stack:

        async def of(user: str) -> Person:
            return Person(await stack.enter_async_context(visiting(browser)), parley, user)

        yield of


@pytest_asyncio.fixture(loop_scope="module")
async def person(another: Another) -> Person:
    """Let somebody who has nothing yet have a tab."""
    return await another(an_owner())
