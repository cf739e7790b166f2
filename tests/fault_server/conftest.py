"""The API with the stand-in behind it; skipped aloud without Node."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from shared.model_settings import ModelSettings
from shared.store.port import SessionStore
from tests.fault_server.launch import FaultServer, missing_reason, running_fault_server
from tests.http.client import Client
from tests.http.conftest import Serve, function_app, serve, settings  # noqa: F401 - fixtures of the API's tests


@pytest.fixture(scope="session")
def running() -> Iterator[FaultServer]:
    """Run it for all tests."""
    if reason := missing_reason():
        pytest.skip(reason)
    with running_fault_server() as server:
        yield server


@pytest.fixture
def model(running: FaultServer) -> FaultServer:
    """Return it as it is when nothing is to fail."""
    running.fail()
    return running


@pytest_asyncio.fixture
async def api(serve: Serve, store: SessionStore, model: FaultServer) -> AsyncIterator[Client]:  # noqa: F811 - the fixture
    """Serve the store under test with it, and speak for a user who has nothing yet."""
    settings_of_it = ModelSettings(
        endpoint=f"{model.url}/v1", name="stand-in", key="sk-very-secret", caller_may_set=frozenset({"tools"})
    )
    async with serve(store, model=settings_of_it) as client:
        yield client
