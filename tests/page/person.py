"""Somebody at the page: what they see and do, by the names that screen readers say."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Locator, Page

from tests.e2e.browser import Visit
from tests.e2e.process import Parley


@dataclass
class Person:
    """A user in a browser of their own, at a running Parley."""

    visit: Visit
    parley: Parley
    user: str

    @property
    def page(self) -> Page:
        """The page in the browser."""
        return self.visit.page

    async def arrive(self, hash: str = "", *, wait: str = ".rows li, .list-note p") -> None:  # noqa: A002 - a link's
        """Come to the page as somebody who has said who they are, in a tab that is new."""
        known = json.dumps({"userId": self.user})
        await self.page.add_init_script(f"sessionStorage.setItem('parley.identity', {json.dumps(known)})")
        await self.page.goto(f"{self.parley.url}/api/app{hash}")
        await self.page.wait_for_selector(wait)

    async def say(self, text: str) -> None:
        """Write something and press Enter."""
        await self.box.fill(text)
        await self.box.press("Enter")

    async def choose(self, button: Locator, item: str) -> None:
        """Open a menu and choose from it."""
        await button.click()
        await self.page.get_by_role("menuitem", name=item).click()

    async def choose_for_session(self, item: str) -> None:
        """Choose from the menu of the session that is open."""
        await self.choose(self.page.get_by_role("button", name="More for this conversation"), item)

    @property
    def box(self) -> Locator:
        """Where messages are written."""
        return self.page.get_by_role("textbox", name="Message")

    @property
    def messages(self) -> Locator:
        """The messages that are shown."""
        return self.page.locator(".message")

    @property
    def sessions(self) -> Locator:
        """The sessions that are listed."""
        return self.page.locator(".side").get_by_role("listitem")

    @property
    def notice(self) -> Locator:
        """What the page has just said."""
        return self.page.locator(".notice").last

    async def texts(self) -> list[str]:
        """Return what the messages say."""
        return [text.strip() for text in await self.page.locator(".message .body").all_inner_texts()]

    def stored(self, session_id: str) -> list[str]:
        """Return what is stored in a session, oldest first."""
        found = self.parley.ask(f"/api/chat/sessions/{session_id}?limit=200", self.user)
        return [message["content"] for message in found["messages"]]

    def session_id(self) -> str:
        """Return the session that the address names."""
        found = re.search(r"#/s/([^/]+)", self.page.url)
        assert found, self.page.url
        return found[1]

    def has(self, session_id: str, contents: Iterable[Any], **fields: Any) -> str:
        """Store a session with these messages, which user and assistant say in turn, or which are whole ones."""
        messages = [
            {"role": ("user", "assistant")[at % 2], "content": each} if isinstance(each, str) else each
            for at, each in enumerate(contents)
        ]
        self.parley.ask("/api/chat/sessions", self.user, {"id": session_id, **fields})
        for start in range(0, len(messages), 200):
            batch = {"messages": messages[start : start + 200]}
            self.parley.ask(f"/api/chat/sessions/{session_id}/messages", self.user, batch)
        return session_id
