"""`pydantic-ai-cosmosdb-persistence`, which stores a conversation as one string of JSON each time."""

import functools
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Self

import pydantic_ai_cosmosdb_persistence as package
from azure.cosmos import CosmosClient
from pydantic_ai.messages import ModelMessage
from typing_extensions import override

from benchmarks.frameworks.pydantic_ai_messages import Messages
from benchmarks.frameworks.side import COSMOS, DATABASE

package.CosmosClient = functools.partial(CosmosClient, **COSMOS)  # it hands on no options


class Peer(Messages):
    """Its history store, the one that keeps messages."""

    def __init__(self, store: package.CosmosDBHistoryStore, conversation: str) -> None:
        """Work on an opened store."""
        self._store, self._conversation = store, conversation
        self._messages: list[ModelMessage] = []

    @override
    @classmethod
    @asynccontextmanager
    async def opened(cls, conversation: str) -> AsyncIterator[Self]:
        account = {"endpoint": os.environ["PEER_ENDPOINT"], "key": os.environ["PEER_KEY"]}
        names = {"database_name": DATABASE, "container_name": "pydantic-ai"}
        yield cls(package.CosmosDBHistoryStore(**account, **names), conversation)

    @override
    async def read(self) -> list[ModelMessage]:
        self._messages = await self._store.load(self._conversation) or []
        return list(self._messages)

    @override
    async def add(self, messages: Sequence[ModelMessage]) -> None:
        self._messages.extend(messages)
        await self._store.save(self._conversation, self._messages)
