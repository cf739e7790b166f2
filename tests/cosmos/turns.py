"""Clients that take turns at every store request, so that a seed decides who goes on, who fails and who dies."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from azure.core.exceptions import HttpResponseError
from azure.cosmos.aio import ContainerProxy

from shared.store.cosmos.connection import Connection
from shared.store.cosmos.errors import AnswerLostError, NotSentError
from shared.store.cosmos.items import Items

Fate = Literal["go", "fail", "die"]
WRITES = {"create_item", "upsert_item", "patch_item", "replace_item", "delete_item", "execute_item_batch"}
READ_SESSION_NOT_AVAILABLE = 1002


@dataclass(eq=False)
class Gate:
    """One client waiting before its request is sent, or after it was carried out and before the answer is seen."""

    client: int
    before: bool
    fate: "asyncio.Future[Fate]"


@dataclass
class Turns:
    """Who waits at a gate, and whether any request is under way."""

    waiting: list[Gate] = field(default_factory=list)
    written: list[int] = field(default_factory=list)  # clients whose writes were carried out, oldest first
    _under_way: int = 0
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self, client: int, *, before: bool) -> None:
        """Wait for this client's turn; raises what the SDK's failures are translated to when its fate is to fail."""
        gate = Gate(client, before, asyncio.get_running_loop().create_future())
        self.waiting.append(gate)
        try:
            fate = await gate.fate
        finally:
            if gate in self.waiting:
                self.waiting.remove(gate)
        if fate == "fail":
            raise NotSentError if before else AnswerLostError

    def begin(self) -> None:
        """Note that a request is being carried out."""
        self._under_way += 1
        self._idle.clear()

    def end(self) -> None:
        """Note that it has been."""
        self._under_way -= 1
        if not self._under_way:
            self._idle.set()

    async def settle(self) -> None:
        """Return when every client waits at a gate or has ended."""
        ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]  # nothing public tells
        while self._under_way or ready:
            if self._under_way:
                await self._idle.wait()
            await asyncio.sleep(0)


class Instance:
    """One process of many: its connection, and how new a state its answers were made from (an LSN)."""

    def __init__(self, connection: Connection) -> None:
        """Connect at the first request."""
        self.connection = connection
        self.reached = 0
        self._items: Items | None = None

    def share(self, items: Items) -> None:
        """Have one client's items know the tokens, heads and pages that the others' have seen, as in a process."""
        self._items = self._items or items
        items.tokens, items.known_heads = self._items.tokens, self._items.known_heads
        items.known_pages = self._items.known_pages

    def hear(self, headers: Mapping[str, Any] | None) -> None:
        """Note what state an answer was made from; the SDK has noted it too."""
        self.reached = max(self.reached, lsn_of((headers or {}).get("x-ms-session-token")))


def lsn_of(token: str | None) -> int:
    """Return the LSN of a session token, 0 without one."""
    return int(token.rpartition("#")[2]) if token else 0


class Turnstile:
    """An instance's connection for one client, whose requests wait for its turn before they are sent and after."""

    def __init__(self, instance: Instance, turns: Turns, client: int) -> None:
        """Take turns with the other clients; reads that no replica served are counted."""
        self.instance, self.turns, self.client = instance, turns, client
        self.refused = 0

    def __getattr__(self, name: str) -> Any:
        """Be the instance's connection in all else."""
        return getattr(self.instance.connection, name)

    async def container(self) -> "GatedContainer":
        """Return the container behind the gates."""
        return GatedContainer(await self.instance.connection.container(), self)


class GatedContainer:
    """The container for one client, who waits for its turn before and after every request."""

    def __init__(self, container: ContainerProxy, turnstile: Turnstile) -> None:
        """Send requests to this container."""
        self._container, self._turnstile = container, turnstile

    def __getattr__(self, name: str) -> Any:
        """Return the container's method, which sends one request."""
        method = getattr(self._container, name)

        async def send(*args: Any, **options: Any) -> Any:
            return await self._take_turn(lambda: method(*args, **self._heard(options)), writes=name in WRITES)

        return send

    async def query_items(self, *args: Any, **options: Any) -> AsyncIterator[Any]:
        """Ask a query, as one request, however many pages it has."""
        heard = self._heard(options) if "partition_key" in options else options  # of all owners' no store keeps track

        async def ask() -> list[Any]:
            return [row async for row in self._container.query_items(*args, **heard)]

        for row in await self._take_turn(ask):
            yield row

    def _heard(self, options: dict[str, Any]) -> dict[str, Any]:
        """Have the instance hear of every answer, beside whoever asked to."""
        hook = options.get("response_hook")

        def hear(headers: Mapping[str, Any], body: object = None) -> None:
            self._turnstile.instance.hear(headers)
            if hook:
                hook(headers, body)

        return options | {"response_hook": hear}

    async def _take_turn(self, send: Callable[[], Awaitable[Any]], *, writes: bool = False) -> Any:
        turnstile, turns = self._turnstile, self._turnstile.turns
        await turns.wait(turnstile.client, before=True)
        refusal: HttpResponseError | None = None
        result = None
        turns.begin()
        try:
            result = await send()
        except HttpResponseError as error:
            refusal = error
            turnstile.refused += getattr(error, "sub_status", None) == READ_SESSION_NOT_AVAILABLE
        finally:
            turns.end()
        if writes and refusal is None:
            turns.written.append(turnstile.client)
        await turns.wait(turnstile.client, before=False)
        if refusal:  # and not lost on the way
            turnstile.instance.hear(getattr(refusal, "headers", None))
            raise refusal
        return result
