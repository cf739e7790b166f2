"""Clients that take turns at every store request, so that a seed decides who goes on, who fails and who dies."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from azure.cosmos.aio import ContainerProxy
from typing_extensions import override

from shared.errors import StoreError
from shared.store.cosmos.connection import Connection
from shared.store.cosmos.errors import AnswerLostError, ItemError, NotSentError
from shared.store.cosmos.items import Items

Fate = Literal["go", "fail", "die"]
Result = TypeVar("Result")


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


class _Writing:
    """Marks a request that may change something."""

    def __init__(self, send: Callable[[ContainerProxy], Awaitable[object]]) -> None:
        self._send = send

    def __call__(self, container: ContainerProxy) -> Awaitable[object]:
        return self._send(container)


class GatedItems(Items):
    """The items of the container for one client, who waits for its turn before and after every request."""

    def __init__(self, connection: Connection, turns: Turns, client: int) -> None:
        """Take turns with the other clients."""
        super().__init__(connection)
        self._turns, self._client = turns, client

    @override
    async def write(self, send: Callable[[ContainerProxy], Awaitable[Result]]) -> Result:
        return await super().write(_Writing(send))  # type: ignore[arg-type]

    @override
    async def call(self, send: Callable[[ContainerProxy], Awaitable[Result]]) -> Result:
        await self._turns.wait(self._client, before=True)
        refusal: ItemError | StoreError | None = None
        self._turns.begin()
        try:
            result = await super().call(send)
        except (ItemError, StoreError) as error:
            refusal = error
        finally:
            self._turns.end()
        if isinstance(send, _Writing) and refusal is None:
            self._turns.written.append(self._client)
        await self._turns.wait(self._client, before=False)
        if refusal:
            raise refusal
        return result
