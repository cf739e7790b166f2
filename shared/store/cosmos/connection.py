"""The one client of a process: made inside the running loop at first use, closed at the end."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError
from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, CosmosClient, DatabaseProxy
from azure.cosmos.exceptions import CosmosResourceNotFoundError

from shared.errors import StoreUnusableError
from shared.store.cosmos.client import make_client
from shared.store.cosmos.errors import OWNER_MISSING
from shared.store.cosmos.limits import Limits
from shared.store.cosmos.schema import DEFAULT_TTL, INDEXING_POLICY, PARTITION_KEY, lacks, partition_fault

if TYPE_CHECKING:
    from shared.store.cosmos.circuit_breaker import CircuitBreaker, Observe

logger = logging.getLogger(__name__)


class Connection:
    """A lazily opened client and its container, which is looked at once, when it is opened.

    A failed opening fails for all that have waited for it; it is tried again by the next caller. A container that
    is missing, or not as Parley needs it, fails for all callers of the next `look_again_seconds`.
    """

    def __init__(  # noqa: PLR0913 - where the container is takes four names
        self,
        endpoint: str,
        key: str | None,
        database: str,
        container: str,
        *,
        emulator: bool,
        limits: Limits | None = None,
        traced: bool = False,
    ) -> None:
        """Remember where to connect; no key means the app's managed identity. `traced` if OpenTelemetry is on."""
        self._traced = traced
        self.limits = limits or Limits()
        self._endpoint, self._key = endpoint, key
        self._database, self._name = database, container
        self._emulator = emulator
        self._opening = asyncio.Lock()
        self._failure: Exception | None = None
        self._failure_until = float("-inf")
        self._logged: str | None = None
        self._circuit_breaker: CircuitBreaker | None = None
        self._client: CosmosClient | None = None
        self._credential: Any = None
        self._container: ContainerProxy | None = None

    @property
    def names(self) -> tuple[str, str, str]:
        """Where the container is: the account, the database, its own name."""
        return self._endpoint, self._database, self._name

    async def container(self) -> ContainerProxy:
        """Return the container, connected; raises StoreUnusableError for one that Parley cannot use."""
        if self._container is None:
            asked_at = monotonic()
            async with self._opening:
                if self._container is None:
                    self._container = await self._open_unless_failed_since(asked_at)
        return self._container

    @contextmanager
    def reopened_if_missing(self, container: ContainerProxy) -> Iterator[None]:
        """Have the container looked at again before its next use where an item request finds that it is gone."""
        try:
            yield
        except CosmosResourceNotFoundError as error:
            if error.sub_status in OWNER_MISSING and self._container is container:
                self._container = None
            raise

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

    async def create_container(self, database: DatabaseProxy) -> tuple[ContainerProxy, Mapping[str, Any]]:
        """Make the container where it is missing, and return it with its properties as they are."""
        return await database.create_container_if_not_exists(
            self._name,
            partition_key=PartitionKey(PARTITION_KEY),
            default_ttl=DEFAULT_TTL,
            indexing_policy=INDEXING_POLICY,
            return_properties=True,
        )

    async def mend_container(self, database: DatabaseProxy, found: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give the container its time to live and its indexes, and return its properties as they are then."""
        _, mended = await database.replace_container(
            self._name,
            found["partitionKey"],
            default_ttl=DEFAULT_TTL,
            indexing_policy=INDEXING_POLICY,
            conflict_resolution_policy=found.get("conflictResolutionPolicy"),
            analytical_storage_ttl=found.get("analyticalStorageTtl"),
            return_properties=True,
        )
        return mended

    def require_partition(self, found: Mapping[str, Any]) -> None:
        """Raise StoreUnusableError for a container that is partitioned otherwise than Parley's is."""
        if fault := partition_fault(found):
            remedy = "that cannot be changed: set COSMOS_CONTAINER to another name and run `make provision`"
            raise self._unusable(fault, remedy)

    async def _open_unless_failed_since(self, asked_at: float) -> ContainerProxy:
        """Open, or fail as somebody else just did: a hundred callers must not find out one after the other."""
        if self._failure is not None and asked_at <= self._failure_until:
            raise self._failure.with_traceback(None)
        try:
            container = await (self._open_emulator() if self._emulator else self._open())
        except StoreUnusableError as failure:
            self._failure, self._failure_until = failure, monotonic() + self.limits.look_again_seconds
            self._log_once(failure.reason)
            raise
        except Exception as failure:
            self._failure, self._failure_until = failure, monotonic()
            raise
        self._failure = self._logged = None
        return container

    def _log_once(self, reason: str) -> None:
        """Log what is wrong when it is found, and not again while it stays so."""
        if reason != self._logged:
            logger.error("%s", reason)
        self._logged = reason

    async def _open(self) -> ContainerProxy:
        client = await self._open_client()
        container = client.get_database_client(self._database).get_container_client(self._name)
        try:
            found = await container.read()  # the SDK keeps what it needs of it, and reads it no second time
        except CosmosResourceNotFoundError as error:
            raise self._unusable("is missing", "make it with `make provision`") from error
        self.require_partition(found)
        if faults := lacks(found):
            raise self._unusable(" and ".join(faults), "mend it with `make provision`")
        return container

    async def _open_emulator(self) -> ContainerProxy:
        """Make what is missing; an emulator that ignores indexes and times to live is used as it is."""
        database = await self.create_database()
        container, found = await self.create_container(database)
        self.require_partition(found)
        if faults := lacks(found):
            logger.warning("the emulator's container %s %s; it is being mended", self._name, " and ".join(faults))
            try:
                await self.mend_container(database, found)
            except AzureError:
                logger.warning("the emulator does not let it be mended", exc_info=True)
        return container

    def _unusable(self, fault: str, remedy: str) -> StoreUnusableError:
        return StoreUnusableError(f"the container {self._name} of the database {self._database} {fault}; {remedy}")

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
        from shared.store.cosmos.circuit_breaker import CircuitBreaker, Transport  # noqa: PLC0415 - loads aiohttp, at the first use only

        self._circuit_breaker = self._circuit_breaker or CircuitBreaker(self.limits)
        return make_client(
            self._endpoint,
            self._key or self._managed_identity(),
            emulator=self._emulator,
            transport=partial(Transport, self._circuit_breaker, *self._observers()),
            connection_timeout=self.limits.connect_seconds,
            read_timeout=self.limits.read_seconds,
            retry_connect=1,  # what the SDK asks for itself would be tried for seconds where nobody listens (measured)
            retry_throttle_backoff_max=self.limits.throttle_seconds,
            enable_compact_utf8_item_writes=True,  # otherwise CJK doubles and emoji triple on the wire (measured)
        )

    def _observers(self) -> Iterator["Observe"]:
        """Yield what traces each request, where OpenTelemetry is on."""
        if self._traced:
            try:
                from shared.store.cosmos.tracing import Tracing  # noqa: PLC0415 - nobody else has it installed
            except ImportError:
                logger.warning("OpenTelemetry is on, and opentelemetry-api is not installed: nothing is traced")
            else:
                yield Tracing().observe

    def _managed_identity(self) -> Any:  # noqa: ANN401 - a type that is imported only when it is used
        from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415 - costs more than azure.cosmos itself

        self._credential = DefaultAzureCredential()
        return self._credential
