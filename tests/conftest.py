"""The stores under test: each adapter in turn, on something real."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from shared.models import Session
from shared.store.port import SessionStore
from tests.builders import a_session, an_owner

if TYPE_CHECKING:
    from shared.store.cosmos import CosmosStore
    from tests.cosmos_server.launch import CosmosServer

pytest_plugins = ["tests.cpu_seconds", "tests.tiers"]

with suppress(ImportError):  # Microsoft's runtime has an environment without it
    from hypothesis import HealthCheck, settings

    # A machine that others use is no fault of what makes the examples.
    settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("patient")

OpenStore = Callable[[], SessionStore]


@dataclass(frozen=True)
class CosmosPlace:
    """A Cosmos DB endpoint and the container that the tests of this run may use there."""

    endpoint: str
    key: str | None
    emulator: bool
    database: str = "parley-tests"
    container: str = "contract"

    @property
    def settings(self) -> dict[str, str]:
        """The settings that lead a process there."""
        return {
            "STORE": "cosmos",
            "COSMOS_ENDPOINT": self.endpoint,
            "COSMOS_KEY": self.key or "",
            "COSMOS_EMULATOR": str(self.emulator).lower(),
            "COSMOS_DATABASE": self.database,
            "COSMOS_CONTAINER": self.container,
        }


@contextmanager
def server_or_skip() -> Iterator["CosmosServer"]:
    """Run a test server; without Node skip with the reason, but fail where CI is set."""
    from tests.cosmos_server.launch import missing_reason, running_server  # noqa: PLC0415 - SQLite's tests need no server

    reason = missing_reason()
    if reason and os.environ.get("CI") == "true":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    with running_server() as server:
        yield server


@contextmanager
def a_cosmos_place(**lag: Any) -> Iterator[CosmosPlace]:
    """Lead to the endpoint of the environment, else to a test server; `lag` says how its replicas are behind."""
    if os.environ.get("COSMOS_ENDPOINT"):
        yield _place_of_environment()
        return
    with server_or_skip() as server:
        if lag:
            server.lag(**lag)
        yield CosmosPlace(server.endpoint, server.key, emulator=True)


@pytest.fixture(scope="session")
def cosmos_place() -> Iterator[CosmosPlace]:
    """Lead to a store of one replica that runs as long as the tests."""
    with a_cosmos_place() as place:
        yield place


def _place_of_environment() -> CosmosPlace:
    """Return the place that the environment names."""
    from shared.settings import load_settings  # noqa: PLC0415 - as above

    settings = load_settings()
    assert settings.cosmos_endpoint
    place: dict[str, Any] = {
        name: os.environ[variable]
        for name, variable in (("database", "COSMOS_DATABASE"), ("container", "COSMOS_CONTAINER"))
        if os.environ.get(variable)
    }
    return CosmosPlace(settings.cosmos_endpoint, settings.cosmos_key, settings.cosmos_emulator, **place)


@pytest.fixture(scope="module")
def store_name(request: pytest.FixtureRequest) -> str:
    """Name the store that a test is to run on; tests/tiers.py says which those are."""
    return str(request.param)


@pytest.fixture(scope="module")
def open_store(request: pytest.FixtureRequest, store_name: str, tmp_path_factory: pytest.TempPathFactory) -> OpenStore:
    """Return a function that opens the store of this module; opened again it holds the same sessions."""
    if store_name == "sqlite":
        return _sqlite_opener(tmp_path_factory.mktemp("store") / "parley.db")
    return _cosmos_opener(request.getfixturevalue("cosmos_place"))


def _sqlite_opener(path: Path) -> OpenStore:
    from shared.store.sqlite import SqliteStore  # noqa: PLC0415 - each test loads the adapter it is about

    return lambda: SqliteStore(path)


def _cosmos_opener(place: CosmosPlace) -> OpenStore:
    return lambda: open_cosmos(place)


def open_cosmos(place: CosmosPlace, **options: Any) -> "CosmosStore":
    """Open the store there; `options` are the store's own. Nothing of it goes on behind an answer."""
    from shared.store.cosmos import CosmosStore  # noqa: PLC0415 - each test loads the adapter it is about
    from tests.inline import Inline  # noqa: PLC0415

    where = (place.endpoint, place.key, place.database, place.container)
    return CosmosStore(*where, **{"emulator": place.emulator, "background": Inline()} | options)


@pytest_asyncio.fixture
async def store(open_store: OpenStore) -> AsyncIterator[SessionStore]:
    """Open a store, once per adapter; other tests' sessions may be there, but under other owners."""
    opened = open_store()
    yield opened
    await opened.close()


@pytest.fixture
def owner() -> str:
    """Name an owner who has nothing yet."""
    return an_owner()


@pytest_asyncio.fixture
async def session(store: SessionStore, owner: str) -> Session:
    """Store an empty session of the owner."""
    return await store.create(a_session(owner))
