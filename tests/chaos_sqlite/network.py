"""A client's way to the servers: any of them, again and again, as one that wants its answer does."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.chaos_sqlite.servers import Server

MOST_SECONDS = 30  # that any request may wait for any answer
PATIENCE_SECONDS = 90  # of one client with one request, repeats included
AGAIN = frozenset({429, 503})


class UnansweredError(Exception):
    """Nobody answered a request, however often it was repeated."""


@dataclass(frozen=True)
class Reply:
    """A good or bad answer, and whether a try before it may have been carried out."""

    status: int
    body: Any
    repeated: bool

    @property
    def code(self) -> str | None:
        """Return the code of a problem document."""
        return self.body.get("code") if isinstance(self.body, dict) else None


@dataclass
class Network:
    """The servers, and what became of the requests to them."""

    http: aiohttp.ClientSession
    servers: Sequence[Server]
    user: str
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest_seconds: float = 0.0
    complaints: list[str] = field(default_factory=list)
    sending: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(
        self,
        chance: random.Random,
        method: str,
        path: str,
        body: object = None,
        *,
        gives_up: Callable[[], bool] = lambda: False,
    ) -> Reply | None:
        """Send a request to any server until it is answered by more than "later"; None when its client gives up."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        repeated = False
        while time.monotonic() < deadline:
            answer = await self._try(chance.choice(self.servers).url + path, method, body)
            if answer is not None and answer[0] not in AGAIN:
                return Reply(*answer, repeated)
            repeated = True
            if gives_up():
                self.outcomes["given up"] += 1
                return None
            await asyncio.sleep(chance.uniform(0.01, 0.1))
        raise UnansweredError(f"{method} {path}")

    async def until_written_to(self) -> None:
        """Return when somebody has just begun to send a write."""
        self.sending.clear()
        await self.sending.wait()

    async def ask_one(self, server: Server, path: str) -> Any:
        """GET something from one server, which must be well."""
        answer = await self._try(server.url + path, "GET", None)
        assert answer is not None, (server.name, path)
        assert answer[0] == 200, (server.name, path, answer)
        return answer[1]

    async def _try(self, url: str, method: str, body: object) -> tuple[int, Any] | None:
        started = time.monotonic()
        timeout = aiohttp.ClientTimeout(total=MOST_SECONDS)
        headers = {"x-user-id": self.user}
        if method == "POST":
            self.sending.set()
        try:
            async with self.http.request(method, url, json=body, headers=headers, timeout=timeout) as response:
                data = await response.read()
                answer = response.status, _json(data)
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            if isinstance(error, TimeoutError):
                self.complaints.append(f"{method} {url} was not answered in {MOST_SECONDS} seconds")
            self.outcomes["refused" if isinstance(error, aiohttp.ClientConnectorError) else "broken off"] += 1
            return None
        finally:
            self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - started)
        self.outcomes[str(answer[0])] += 1
        if answer[0] in AGAIN and "retry-after" not in response.headers:
            self.complaints.append(f"{answer[0]} of {method} {url} does not say when to come back")
        return answer


def _json(data: bytes) -> Any:
    try:
        return json.loads(data) if data else None
    except ValueError:
        return data
