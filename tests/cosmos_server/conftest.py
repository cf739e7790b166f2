"""One server for all tests of this folder; a client and an empty container for each."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import aiohttp
import pytest
import pytest_asyncio
from azure.cosmos import PartitionKey
from azure.cosmos.aio import CosmosClient

from .launch import CosmosServer, missing_reason, running_server
from .raw import RawContainer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from azure.cosmos.aio import ContainerProxy, DatabaseProxy


@pytest.fixture(scope="session")
def server() -> Iterator[CosmosServer]:
    """Run one server for all tests; skip aloud where it cannot run."""
    reason = missing_reason()
    if reason:
        pytest.skip(reason)
    with running_server() as running:
        yield running


@pytest_asyncio.fixture
async def client(server: CosmosServer) -> AsyncIterator[CosmosClient]:
    """Open the real SDK's client."""
    async with CosmosClient(server.endpoint, server.key, enable_endpoint_discovery=False) as opened:
        yield opened


@pytest_asyncio.fixture
async def database(client: CosmosClient) -> DatabaseProxy:
    """Create an empty database."""
    return await client.create_database(f"db-{uuid.uuid4().hex}")


@pytest_asyncio.fixture
async def container(database: DatabaseProxy) -> ContainerProxy:
    """Create a container partitioned by /user_id, in which nothing expires by default."""
    return await database.create_container("items", PartitionKey("/user_id"), default_ttl=-1)


@pytest_asyncio.fixture
async def raw(server: CosmosServer, database: DatabaseProxy, container: ContainerProxy) -> AsyncIterator[RawContainer]:
    """Reach the same container over bare HTTP."""
    async with aiohttp.ClientSession() as http:
        yield RawContainer(http, f"{server.endpoint}/dbs/{database.id}/colls/{container.id}/docs")
