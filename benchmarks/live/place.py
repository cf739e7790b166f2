"""A database of our own in somebody's account, and the client whose answers are looked at; both go away again."""

import asyncio
import secrets
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from azure.core.exceptions import AzureError
from azure.core.pipeline.transport import AioHttpTransport
from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, CosmosClient
from typing_extensions import override

from shared.settings import Settings
from shared.store.cosmos.client import make_client
from shared.store.cosmos.schema import DEFAULT_TTL, INDEXING_POLICY, PARTITION_KEY

PREFIX = "parley-measure-"
NOTHING = {"indexingMode": "consistent", "includedPaths": [], "excludedPaths": [{"path": "/*"}]}
FOUR = ("user_id", "last_activity_at", "pending", "shares/[]/token_hash")
OURS = "ours"
POLICIES: Mapping[str, Mapping[str, Any]] = {
    "no path": NOTHING,
    "4 paths": NOTHING | {"includedPaths": [{"path": f"/{path}/?"} for path in FOUR]},
    "our paths, no composite": {name: INDEXING_POLICY[name] for name in INDEXING_POLICY if name != "compositeIndexes"},
    OURS: INDEXING_POLICY,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the service."""

    status: int
    headers: Mapping[str, str]
    milliseconds: float

    @property
    def charge(self) -> float:
        """What it says it cost, in request units."""
        return float(self.headers.get("x-ms-request-charge") or 0)


class _Watched(AioHttpTransport):
    """The SDK's transport, which notes every answer, refusals too."""

    def __init__(self, answers: list[Answer], **options: Any) -> None:
        self._answers = answers
        super().__init__(**options)

    @override
    async def send(self, request: Any, **config: Any) -> Any:
        started = time.perf_counter()
        response = await super().send(request, **config)
        headers = {name.lower(): value for name, value in response.headers.items()}
        self._answers.append(Answer(response.status_code, headers, (time.perf_counter() - started) * 1000))
        return response


@dataclass(frozen=True, slots=True)
class Account:
    """Where to measure, with the right to make databases."""

    endpoint: str
    key: str
    emulator: bool

    @classmethod
    def of(cls, settings: Settings) -> "Account | str":
        """Return what the settings name, or why it will not do."""
        if settings.cosmos_endpoint is None:
            return "COSMOS_ENDPOINT=https://ACCOUNT.documents.azure.com COSMOS_KEY=… make measure-live"
        if settings.cosmos_key is None:
            return "COSMOS_KEY is missing: no data role may make the database that is measured in and removed again."
        return cls(settings.cosmos_endpoint, settings.cosmos_key, settings.cosmos_emulator)


@dataclass(frozen=True, slots=True)
class Place:
    """The database, a container for each policy, and the answers that have come so far."""

    account: Account
    database: str
    containers: Mapping[str, ContainerProxy]
    answers: list[Answer]
    left_behind: list[str] = field(default_factory=list)  # databases of runs that were killed


@asynccontextmanager
async def database_of_ones_own(account: Account) -> AsyncIterator[Place]:
    """Make the database with its containers; remove it however the block ends, also when making it fails half way."""
    answers: list[Answer] = []
    name = f"{PREFIX}{secrets.token_hex(6)}"
    transport = partial(_Watched, answers)
    async with make_client(account.endpoint, account.key, emulator=account.emulator, transport=transport) as client:
        left = [found["id"] async for found in client.list_databases() if found["id"].startswith(PREFIX)]
        database = await client.create_database(name)
        try:
            containers = {
                policy: await database.create_container(
                    policy.replace(" ", "-").replace(",", ""),
                    partition_key=PartitionKey(PARTITION_KEY),
                    default_ttl=DEFAULT_TTL,
                    indexing_policy=dict(indexing),
                )
                for policy, indexing in POLICIES.items()
            }
            yield Place(account, name, containers, answers, left)
        finally:
            await asyncio.shield(_remove(client, name))


async def _remove(client: CosmosClient, name: str) -> None:
    try:
        await client.delete_database(name)
    except AzureError:
        print(f"The database {name} could not be removed: remove it by hand, it costs money.", file=sys.stderr)
        raise
