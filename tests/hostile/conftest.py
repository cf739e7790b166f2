"""The API on a store of its own, small enough to be compared whole before and after; the same for a whole module."""

from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest
import pytest_asyncio

from shared.store.port import SessionStore
from tests.builders import an_owner
from tests.conftest import CosmosPlace, OpenStore
from tests.hostile.app import serving
from tests.hostile.state import Scene, clean_up, set_up
from tests.http.client import Client


@pytest.fixture(scope="session")
def cosmos_place(cosmos_place: CosmosPlace) -> CosmosPlace:
    """Lead to a container that no other tests write to."""
    return replace(cosmos_place, container="hostile")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store(open_store: OpenStore) -> AsyncIterator[SessionStore]:
    """Open a store, once per adapter."""
    opened = open_store()
    yield opened
    await opened.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(store: SessionStore) -> AsyncIterator[Client]:
    """Serve the store under test and speak for a user who has nothing yet."""
    async with serving(store) as url, aiohttp.ClientSession() as http:
        yield Client(http, url, an_owner())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(store: SessionStore, api: Client) -> AsyncIterator[Scene]:
    """Give two users something to lose."""
    ready = await set_up(store, api, api.speaking_for(an_owner()))
    yield ready
    await clean_up(ready)
