"""Instances of the app in one process, each with its own store and its own way to the server, so that each may die."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from shared.errors import ModelFailedError, StoreError
from shared.models import Lease
from shared.service import ChatService
from shared.store.cosmos import CosmosStore
from shared.turns.pending import PendingReply
from shared.turns.turns import Turns
from tests.chaos.fleet import Fleet
from tests.cosmos.proxy import Act, Proxy, Rule, drops_request

OPENING_TRIES = 60  # half a second apart: a store in a hurry loses patience on a busy machine
STEP_SECONDS = 0.01
Find = Callable[[], Sequence[dict[str, Any]]]  # everything that is stored


@dataclass(frozen=True, eq=False)
class Instance:
    """A service, its store, and the proxy through which alone that reaches the server."""

    chat: ChatService
    store: CosmosStore
    proxy: Proxy

    @property
    def turns(self) -> list[Turns]:
        """What it makes replies with: one at most, another after that was told to end."""
        return [each for each in self.chat.closing if isinstance(each, Turns)]

    @property
    def makes(self) -> set[str]:
        """The ids of the replies for which it asks a model."""
        return {pending.reply_id for pending in self.pending if pending.holder}

    @property
    def pending(self) -> set[PendingReply]:
        """The replies that it makes or waits for."""
        return {pending for turns in self.turns for pending in turns._replies._running}

    async def connect(self) -> None:
        """Reach the server."""
        for _ in range(OPENING_TRIES - 1):
            with suppress(StoreError):
                return await self.store.ping()
            await asyncio.sleep(0.5)
        return await self.store.ping()

    async def close(self) -> None:
        """Let go of everything, as far as that can be done still."""
        await self.store.close()
        await self.proxy.stop()


Make = Callable[[], Awaitable[Instance]]


class Instances:
    """Those that live, in the fleet that requests arrive at; one that dies is followed by another."""

    def __init__(self, make: Make, find: Find) -> None:
        """Make instances so, and find what is stored so."""
        self._make, self._find = make, find
        self._acts: list[Act] = []
        self._dead: list[Instance] = []
        self.living: list[Instance] = []

    async def begin(self) -> Instance:
        """Begin one, which nobody asks yet."""
        instance = await self._make()
        await instance.connect()
        instance.proxy.calm()
        for act in self._acts:
            instance.proxy.on("any", act, times=None)
        return instance

    def expose(self, act: Act) -> None:
        """Do this to every request for the store, of those to come too."""
        self._acts.append(act)
        for instance in self.living:
            instance.proxy.on("any", act, times=None)

    async def kill(self, instance: Instance, fleet: Fleet) -> list[Lease]:
        """End an instance as a power cut does; return the leases that it has left behind.

        Who waits for it is cut off, nothing of it reaches store or model from now on, and it gives nothing back. Its
        tasks are broken off once they can do nothing any more: this process has to go on without them.
        """
        following = await self.begin()
        makes, before = instance.makes, self._leases()
        self.living[self.living.index(instance)] = following
        self._dead.append(instance)
        fleet.replace(instance.chat, following.chat)
        instance.proxy.rules.insert(0, Rule(lambda _: True, drops_request, times=None))
        for turns in instance.turns:
            turns.model.stream = _nobody  # type: ignore[method-assign] # the dead ask nobody
        await instance.proxy.stop()
        while fleet.is_asked(instance.chat) or instance.pending:
            for pending in instance.pending:
                if pending.task:
                    pending.task.cancel()
            await asyncio.sleep(STEP_SECONDS)
        for turns in instance.turns:
            await turns.leases.settle()
            await turns.model.close()
        await instance.proxy.settle()  # what was on its way has landed, or never will
        others = {reply_id for other in self.living for reply_id in other.makes}
        after = {lease.holder for lease in self._leases()}
        return [one for one in before if one.holder in after and one.reply_id in makes - others]

    async def close(self) -> None:
        """Let go of all of them."""
        for instance in (*self.living, *self._dead):
            await instance.close()

    def _leases(self) -> list[Lease]:
        heads = (document for document in self._find() if document["type"] == "session")
        return [Lease.model_validate(head["lease"]) for head in heads if head.get("lease")]


async def _nobody(*_arguments: object) -> AsyncIterator[str]:
    """Stand for the model of an instance that has died."""
    raise ModelFailedError
    yield


@asynccontextmanager
async def running(number: int, make: Make, find: Find) -> AsyncIterator[Instances]:
    """Run so many instances; connections are open and nothing is under way when the block begins."""
    instances = Instances(make, find)
    try:
        for _ in range(number):
            instances.living.append(await instances.begin())
        yield instances
    finally:
        await instances.close()
