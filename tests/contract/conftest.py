"""The contract holds on replicas that lag: a store sees all that it has written or has seen, by its session tokens."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from shared.models import Session
from shared.store.port import SessionStore
from tests.builders import a_session
from tests.conftest import CosmosPlace, OpenStore, a_cosmos_place
from tests.loops import share_a_loop

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests of a module run in one loop, in which their store stays open."""
    share_a_loop(items, HERE)


@pytest.fixture(scope="session")
def cosmos_place() -> Iterator[CosmosPlace]:
    """Lead to a store of three replicas, up to half a second behind, that no other folder's tests use."""
    with a_cosmos_place(replicas=3, writes=[1, 3, 30], milliseconds=500, behind_token="move") as place:
        yield place


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store(open_store: OpenStore) -> AsyncIterator[SessionStore]:
    """Open a store once for a module and each adapter; other tests' sessions are there, but under other owners."""
    opened = open_store()
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="module")
async def session(store: SessionStore, owner: str) -> Session:
    """Store an empty session of the owner."""
    return await store.create(a_session(owner))
