"""A headless Chromium to look at pages with; it cannot reach beyond this machine, and what it asks for is kept."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

COMMANDS = ("chromium", "chromium-browser", "google-chrome")
ONLY_THIS_MACHINE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
PATIENCE_MS = 15_000


@dataclass
class Visit:
    """A page in the browser, and what came of it so far."""

    page: Page
    requested: list[str] = field(default_factory=list)
    preflights: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def origins(self) -> set[str]:
        """Every origin that was asked for anything."""
        urls = (urlsplit(url) for url in self.requested + self.preflights)
        return {f"{url.scheme}://{url.netloc}" for url in urls if url.scheme not in {"data", "blob"}}

    def hear(self, message: ConsoleMessage) -> None:
        """Keep what the console says in anger; breaches of the content security policy are among it."""
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def note(self, event: dict[str, Any]) -> None:
        """Keep a request; the browser's own questions about other origins, which pages never see, apart."""
        kept = self.preflights if event["initiator"]["type"] == "preflight" else self.requested
        kept.append(event["request"]["url"])


def command_or_skip() -> str:
    """Return the browser's path; without one skip with the reason and the way out, but fail where CI is set."""
    found = next(filter(None, map(shutil.which, COMMANDS)), None)
    if found is None:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse(f"none of {', '.join(COMMANDS)} is here; on Debian: apt-get install chromium")
    return found


@asynccontextmanager
async def running_browser() -> AsyncIterator[Browser]:
    """Start a browser and end it with the block."""
    command = command_or_skip()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=command, args=[ONLY_THIS_MACHINE])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visiting(browser: Browser) -> AsyncIterator[Visit]:
    """Open an empty page with a new profile; both are gone after the block."""
    context = await browser.new_context()
    try:
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        visit = Visit(page)
        await _listen(visit)
        yield visit
    finally:
        await context.close()


async def _listen(visit: Visit) -> None:
    visit.page.on("console", visit.hear)
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    network = await visit.page.context.new_cdp_session(visit.page)
    network.on("Network.requestWillBeSent", visit.note)
    await network.send("Network.enable")
