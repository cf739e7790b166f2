"""What every peer does: add messages to one session, and read what a chat is resumed from."""

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar, Self

from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, CosmosClient

OWNER = "somebody"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a peer keeps its sessions; `endpoint` may be a proxy's."""

    endpoint: str
    key: str
    database: str

    @asynccontextmanager
    async def client(self) -> AsyncIterator[CosmosClient]:
        """Open a client, with the database made where it is missing."""
        async with CosmosClient(self.endpoint, self.key, enable_endpoint_discovery=False) as client:
            await client.create_database_if_not_exists(self.database)
            yield client

    @asynccontextmanager
    async def container(self, name: str, partition_key: str) -> AsyncIterator[ContainerProxy]:
        """Open a container, made where it is missing."""
        async with self.client() as client:
            database = client.get_database_client(self.database)
            yield await database.create_container_if_not_exists(name, partition_key=PartitionKey(partition_key))


class Peer(ABC):
    """One session of OWNER's through one client, as a process of its own would hold it."""

    name: ClassVar[str]  # in the tables
    container: ClassVar[str]
    package: ClassVar[str] = ""  # what has to be installed for it
    resumes_from: ClassVar[str] = "everything"

    @classmethod
    def missing_reason(cls) -> str | None:
        """Tell why it cannot be measured here; None when it can."""
        if cls.package and find_spec(cls.package) is None:
            return f"{cls.name} is left out: it is not installed here, `make bench` installs it"
        return None

    @classmethod
    @abstractmethod
    def opened(cls, place: Place, session_id: str) -> AbstractAsyncContextManager[Self]:
        """Open it on a session, new or not."""

    @abstractmethod
    async def add(self, texts: Sequence[str]) -> None:
        """Store messages behind all others; user and assistant take turns."""

    @abstractmethod
    async def resume(self) -> int:
        """Read what a chat is resumed from, and return how many messages that was."""


class Chatting(Peer):
    """A peer that is measured over whole chats: one client, and sessions that come and go in it."""

    rewrites: ClassVar[bool] = False  # the whole session with every message: a few samples tell all
    lists: ClassVar[bool] = True
    grows_by: ClassVar[int | None] = None  # messages at once, where that makes a difference to what is stored

    @abstractmethod
    async def begin(self, session_id: str) -> None:
        """Go on with a new session, which the first message makes; sends nothing, or what it takes to make one."""

    @abstractmethod
    async def newest(self, limit: int) -> int:
        """Read at least the newest messages, as many as asked for or all there are; return how many came."""

    @abstractmethod
    async def back(self, pages: int, size: int) -> int:
        """Read so many pages, the newest first and each of messages older than those before; return how many came."""

    @abstractmethod
    async def delete(self) -> None:
        """Remove the session and its messages."""

    async def listed(self, limit: int) -> int:
        """Read the first page of OWNER's sessions, the last used first; return how many came."""
        raise NotImplementedError

    @property
    def returned_at(self) -> float:
        """When the last call had what its caller waits for, by time.monotonic; work behind it may have come later."""
        return time.monotonic()


class Rewriting(Chatting):
    """A peer that keeps a session in one piece: whatever is asked of it, all there is comes at once."""

    rewrites = True

    async def newest(self, limit: int) -> int:
        """Return as many as asked for, of the whole session that was read."""
        return min(limit, await self.resume())

    async def back(self, pages: int, size: int) -> int:
        """Return as many as asked for, of the whole session that was read."""
        return min(pages * size, await self.resume())


def role(place: int) -> str:
    """Return whose turn it is."""
    return "assistant" if place % 2 else "user"
