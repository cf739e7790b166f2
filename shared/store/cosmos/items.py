"""The container's requests: counted, bounded in time, driver errors translated, writes repeated where that is safe."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from azure.cosmos.aio import ContainerProxy

from shared.store.cosmos.background import Background
from shared.store.cosmos.connection import Connection
from shared.store.cosmos.errors import (
    AnswerLostError,
    CollisionError,
    ItemError,
    NotSentError,
    count_answer,
    translated,
)
from shared.store.cosmos.known_heads import KnownHeads
from shared.store.cosmos.known_pages import KnownPages
from shared.store.cosmos.limits import Clock
from shared.store.cosmos.partition import Partition
from shared.store.cosmos.query import collect
from shared.store.cosmos.retry import pause
from shared.store.cosmos.session_tokens import SessionTokens
from shared.usage import in_hand

WRITE_TRIES = 3
Result = TypeVar("Result")


class Items:
    """The items of the container; `of` leads to those of one owner, nothing else reads or writes any.

    A write is sent once by the SDK (`retry_total=0`: left alone it repeats writes whose answer was
    lost, measured) and repeated here, because each of them is safe to repeat; an ItemError says in
    `repeated` whether an earlier try may have been carried out.
    """

    def __init__(self, connection: Connection, clock: Clock = time.time, background: Background | None = None) -> None:
        """Use the connection, which opens at the first request, and a clock that goes as the service's does."""
        self._connection = connection
        self.limits = connection.limits
        self.clock = clock
        self.tokens = SessionTokens(*connection.names)
        self.known_heads = KnownHeads(connection.limits)
        self.known_pages = KnownPages(connection.limits)
        self.background = background or Background()

    def of(self, user_id: str) -> Partition:
        """Return the owner's items, for one piece of work."""
        return Partition(self, user_id)

    async def query_everywhere(self, sql: str, parameters: Mapping[str, object], at_most: int) -> list[Any]:
        """Return what the query finds in all partitions; for the maintenance, and for links, which name no owner."""
        return await self.call(
            lambda container: collect(container, sql, parameters, at_most, response_hook=count_answer)
        )

    async def write(self, send: Callable[[ContainerProxy], Awaitable[Result]]) -> Result:
        """Send a write that is safe to repeat, up to three times; raises as `call` does."""
        repeated = False
        for attempt in range(WRITE_TRIES):
            try:
                return await self.call(send)
            except ItemError as error:
                error.repeated = repeated
                raise
            except (AnswerLostError, NotSentError, CollisionError) as error:
                repeated = repeated or isinstance(error, AnswerLostError)
                if attempt == WRITE_TRIES - 1 or isinstance(error.__cause__, TimeoutError):
                    raise
                in_hand().repeated += 1
                await pause(attempt + 1, self.limits)
        raise AssertionError

    async def call(self, send: Callable[[ContainerProxy], Awaitable[Result]]) -> Result:
        """Send a request once, in bounded time; raises ItemError or StoreError."""
        with translated():
            async with asyncio.timeout(self.limits.call_seconds):
                container = await self._connection.container()
                with self._connection.reopened_if_missing(container):
                    return await send(container)
