"""A store on Cosmos DB, and what really lies in its container."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from azure.cosmos.aio import CosmosClient

from shared.store.cosmos import CosmosStore
from tests.conftest import CosmosPlace, open_cosmos, server_or_skip
from tests.cosmos.proxy import Proxy, running_proxy
from tests.cosmos.stored import Stored
from tests.cosmos_server.launch import CosmosServer


@pytest.fixture(scope="module")
def server() -> Iterator[CosmosServer]:
    """Run a test server for one module, which may stop it, stand before it, or move its clock."""
    with server_or_skip() as running:
        yield running


@pytest_asyncio.fixture
async def proxy(server: CosmosServer) -> AsyncIterator[Proxy]:
    """Stand before the module's server."""
    async with running_proxy(server.endpoint) as running:
        yield running


@pytest_asyncio.fixture
async def behind_proxy(server: CosmosServer, proxy: Proxy) -> AsyncIterator[CosmosStore]:
    """Open a store that reaches the module's server through the proxy, and have its container made."""
    opened = CosmosStore(proxy.endpoint, server.key, "proxied", "sessions", emulator=True)
    await opened.ping()
    proxy.calm()
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def store(cosmos_place: CosmosPlace) -> AsyncIterator[CosmosStore]:
    """Open the store where the tests of this run may write."""
    opened = open_cosmos(cosmos_place)
    await opened.ping()
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def stored(cosmos_place: CosmosPlace, store: CosmosStore) -> AsyncIterator[Stored]:
    """Reach the documents behind the store's back."""
    assert store
    place = cosmos_place
    options = {"enable_endpoint_discovery": False, "connection_verify": False} if place.emulator else {}
    async with CosmosClient(place.endpoint, place.key, **options) as client:
        yield Stored(client.get_database_client(place.database).get_container_client(place.container))
