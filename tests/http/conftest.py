"""The API under test: the project's own functions behind the local host, on the store under test."""

import importlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from shared.local_host import build_web_app, runner_for
from shared.openapi.operations import operations
from shared.service import ChatService
from shared.settings import PROJECT_ROOT, Settings, load_settings
from shared.store.port import SessionStore
from tests.builders import an_owner
from tests.conftest import OpenStore
from tests.http.client import Client
from tests.http.documented import Tally
from tests.loops import share_a_loop

HERE = Path(__file__).parent
Serve = Callable[..., AbstractAsyncContextManager[Client]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests of a module run in one loop, in which their store and their server stay open."""
    share_a_loop(items, HERE)


@pytest.fixture(scope="session")
def function_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """Import the project's functions with a data file of their own, which nothing here opens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORE", "sqlite")
        patch.setenv("SQLITE_PATH", str(tmp_path_factory.mktemp("unused") / "parley.db"))
        yield importlib.import_module("function_app")


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return the settings of somebody who has set nothing."""
    return load_settings({}, tmp_path_factory.mktemp("unset"))


@pytest.fixture(scope="session")
def serve(function_app: ModuleType, settings: Settings) -> Serve:
    """Return a context that serves the functions on a store, with settings changed by keyword.

    It fails at its end where anything was answered that the OpenAPI document does not name.
    """
    host_json = json.loads((PROJECT_ROOT / "host.json").read_text("utf-8"))
    known = operations(function_app.routes)

    @asynccontextmanager
    async def serving(store: SessionStore, **changed: Any) -> AsyncIterator[Client]:
        chat = ChatService(store, replace(settings, **changed))
        tally = Tally(known)
        with _answering(function_app, chat):
            web_app = build_web_app(function_app.app, host_json=host_json)
            web_app.middlewares.insert(0, tally.count)
            runner = runner_for(web_app)
            await runner.setup()
            try:
                await web.TCPSite(runner, "127.0.0.1", 0).start()
                async with aiohttp.ClientSession() as http:
                    yield Client(http, f"http://127.0.0.1:{runner.addresses[0][1]}", an_owner())
            finally:
                await runner.cleanup()
                await chat.settle()
        assert tally.surprises == {}, "the document names no such answer"

    return serving


@contextmanager
def _answering(function_app: ModuleType, chat: ChatService) -> Iterator[None]:
    """Let the functions answer with this service, whose place it takes for as long as this lasts."""
    before, function_app.chat = function_app.chat, chat
    try:
        yield
    finally:
        function_app.chat = before


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store(open_store: OpenStore) -> AsyncIterator[SessionStore]:
    """Open a store once for a module; other tests' sessions are there, but under other owners."""
    opened = open_store()
    yield opened
    await opened.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(serve: Serve, store: SessionStore) -> AsyncIterator[Client]:
    """Serve the store under test."""
    async with serve(store) as client:
        yield client


@pytest.fixture
def api(served: Client) -> Client:
    """Speak for a user who has nothing yet."""
    return served.speaking_for(an_owner())


@pytest.fixture
def stranger(api: Client) -> Client:
    """Speak for another user who has nothing yet."""
    return api.speaking_for(an_owner())
