"""What takes messages, or a session's lease, away beside turns: one session for each way of it."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from tests.chaos.clients import SESSIONS
from tests.chaos.requests import Requests
from tests.chaos.talks import NOTHING, Talks

KEEP = -1
SHORT_SECONDS = 1  # that a session lives which expires
EXPIRED_SECONDS = 2.2  # by then it has, in whole seconds
REWOUND = range(6)  # so many messages at most
AWAY_SECONDS = 0.3  # that a session is archived, or deleted, at most
MAKING_TRIES = 5
LOOK_SECONDS = 1.0  # at most, after something was removed
PAGE = 200  # messages


class Removing:
    """Removes in the ways that sessions have by their names, and has each session be there again afterwards."""

    def __init__(self, requests: Requests, talks: Talks, seed: random.Random, removed: Counter[str]) -> None:
        """Ask as one client, and count into `removed`."""
        self._requests, self._talks, self._seed, self._removed = requests, talks, seed, removed

    async def remove(self, session_id: str) -> None:
        """Remove what that session is there for, and look at it before and soon after."""
        self._removed[session_id] += 1
        await self._look(session_id)
        await WAYS[session_id](self, session_id)
        await asyncio.sleep(self._seed.uniform(0, LOOK_SECONDS))  # a reply under way might be stored all the same
        await self._look(session_id)

    async def _look(self, session_id: str) -> None:
        """Look at all of the session; of one that is longer than a page is nothing is to be said."""
        answer = await self._ask("GET", f"{_path(session_id)}/messages?limit={PAGE}&order=asc", good=(200, 404))
        if answer.status == 200 and not answer.json["has_more"]:
            self._talks.glance(session_id, answer.json["data"])

    async def make(self, session_id: str) -> None:
        """Have the session be there, active and for good."""
        for _ in range(MAKING_TRIES):
            await self._ask("POST", SESSIONS, {"id": session_id}, good=(201, 409))
            kept = await self._ask("PATCH", _path(session_id), {"ttl_seconds": KEEP}, good=(200, 404, 409))
            if kept.status == 409:
                await self._ask("POST", f"{_path(session_id)}/restore", good=(200, 404))
            if kept.status == 200:
                return

    async def clear(self, session_id: str) -> None:
        """Remove every message."""
        removal = self._talks.begin_removal(session_id)
        await self._ask("DELETE", f"{_path(session_id)}/messages", good=(204,))
        self._talks.end_removal(removal)

    async def rewind(self, session_id: str) -> None:
        """Remove the newest messages, as many as the seed has it."""
        session = (await self._ask("GET", f"{_path(session_id)}?limit=1")).json
        after = max(0, session["message_count"] - self._seed.choice(REWOUND))
        removal = self._talks.begin_removal(session_id, after)
        await self._ask("DELETE", f"{_path(session_id)}/messages?after={after}", good=(204,))
        self._talks.end_removal(removal)

    async def archive(self, session_id: str) -> None:
        """Archive the session for a while."""
        removal = self._talks.begin_removal(session_id, NOTHING)
        await self._ask("POST", f"{_path(session_id)}/archive")
        self._talks.end_removal(removal)
        await asyncio.sleep(self._seed.uniform(0, AWAY_SECONDS))
        await self._ask("POST", f"{_path(session_id)}/restore")

    async def delete(self, session_id: str) -> None:
        """Delete the session; another of the same name follows."""
        removal = self._talks.begin_removal(session_id)
        await self._ask("DELETE", _path(session_id), good=(204, 404))
        self._talks.end_removal(removal)
        await asyncio.sleep(self._seed.uniform(0, AWAY_SECONDS))
        await self.make(session_id)

    async def expire(self, session_id: str) -> None:
        """Let the session expire, unless somebody writes to it all the time; another of the same name follows."""
        removal = self._talks.begin_removal(session_id)
        await self._ask("PATCH", _path(session_id), {"ttl_seconds": SHORT_SECONDS}, good=(200, 404))
        await asyncio.sleep(EXPIRED_SECONDS)
        await self.make(session_id)
        self._talks.end_removal(removal)

    async def _ask(self, method: str, path: str, *arguments: Any, **options: Any) -> Any:
        return await self._requests.ask(method, path, *arguments, **options)


def _path(session_id: str) -> str:
    return f"{SESSIONS}/{session_id}"


WAYS: dict[str, Callable[[Removing, str], Awaitable[None]]] = {
    "talk-cleared": Removing.clear,
    "talk-rewound": Removing.rewind,
    "talk-archived": Removing.archive,
    "talk-deleted": Removing.delete,
    "talk-expiring": Removing.expire,
}
