"""The one client of a process: made inside the running loop at first use, closed at the end."""

import asyncio
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, CosmosClient, DatabaseProxy

from shared.store.cosmos.client import make_client
from shared.store.cosmos.schema import DEFAULT_TTL, INDEXING_POLICY, PARTITION_KEY

if TYPE_CHECKING:
    from shared.store.cosmos.silence import Silence

CONNECT_SECONDS = 3
READ_SECONDS = 5  # the SDK's 65 s, sent four times, would outlast the 230 s a function's answer may take
THROTTLE_SECONDS = 5  # waited for a throttled request, plus one wait at most, before the caller is told


class Connection:
    """A lazily opened client and its container.

    A failed opening fails for all that have waited for it; it is tried again by the next caller.
    """

    def __init__(self, endpoint: str, key: str | None, database: str, container: str, *, emulator: bool) -> None:
        """Remember where to connect; no key means the app's managed identity."""
        self._endpoint, self._key = endpoint, key
        self._database, self._name = database, container
        self._emulator = emulator
        self._opening = asyncio.Lock()
        self._failed_at = float("-inf")
        self._failure: Exception | None = None
        self._silence: Silence | None = None
        self._client: CosmosClient | None = None
        self._credential: Any = None
        self._container: ContainerProxy | None = None

    @property
    def names(self) -> tuple[str, str, str]:
        """Where the container is: the account, the database, its own name."""
        return self._endpoint, self._database, self._name

    async def container(self) -> ContainerProxy:
        """Return the container, connected."""
        if self._container is None:
            asked_at = monotonic()
            async with self._opening:
                if self._container is None:
                    self._container = await self._open_unless_failed_since(asked_at)
        return self._container

    async def close(self) -> None:
        """Close the client and the credential, if they were ever opened."""
        client, credential = self._client, self._credential
        self._client = self._credential = self._container = None
        if client is not None:
            await client.close()
        if credential is not None:
            await credential.close()

    async def create_database(self) -> DatabaseProxy:
        """Make the database where it is missing."""
        client = await self._open_client()
        return await client.create_database_if_not_exists(self._database)

    async def create_container(self, database: DatabaseProxy) -> ContainerProxy:
        """Make the container where it is missing."""
        return await database.create_container_if_not_exists(
            self._name,
            partition_key=PartitionKey(PARTITION_KEY),
            default_ttl=DEFAULT_TTL,
            indexing_policy=INDEXING_POLICY,
        )

    async def _open_unless_failed_since(self, asked_at: float) -> ContainerProxy:
        """Open, or fail as somebody else just did: a hundred callers must not find out one after the other."""
        if self._failure is not None and self._failed_at >= asked_at:
            raise self._failure.with_traceback(None)
        try:
            container = await self._open()
        except Exception as failure:
            self._failure, self._failed_at = failure, monotonic()
            raise
        self._failure = None
        return container

    async def _open(self) -> ContainerProxy:
        client = await self._open_client()
        if self._emulator:
            return await self.create_container(await self.create_database())
        return client.get_database_client(self._database).get_container_client(self._name)

    async def _open_client(self) -> CosmosClient:
        if self._client is None:
            self._client = self._make_client()
            try:
                await self._client.__aenter__()  # without it no session token is ever sent (measured)
            except BaseException:
                await self.close()  # a client that failed to open still holds connections
                raise
        return self._client

    def _make_client(self) -> CosmosClient:
        from shared.store.cosmos.silence import Silence, Transport  # noqa: PLC0415 - loads aiohttp, at the first use only

        self._silence = self._silence or Silence()
        return make_client(
            self._endpoint,
            self._key or self._managed_identity(),
            emulator=self._emulator,
            transport=partial(Transport, self._silence),
            connection_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retry_throttle_backoff_max=THROTTLE_SECONDS,
            enable_compact_utf8_item_writes=True,  # otherwise CJK doubles and emoji triple on the wire (measured)
        )

    def _managed_identity(self) -> Any:  # noqa: ANN401 - a type that is imported only when it is used
        from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415 - costs more than azure.cosmos itself

        self._credential = DefaultAzureCredential()
        return self._credential
