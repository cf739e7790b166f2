"""One browser for all tests of a module: starting it takes longer than most of them."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser

from tests.e2e.browser import running_browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Run a browser; skip with the reason where there is none."""
    async with running_browser() as started:
        yield started
