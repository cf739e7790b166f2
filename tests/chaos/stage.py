"""Parley as it is served, on a Cosmos DB test server behind the proxy, with no time to lose."""

import asyncio
import importlib
import json
import os
import random
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from unittest.mock import patch
from uuid import uuid4

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler

from shared.errors import StoreError
from shared.local_host import build_web_app, runner_for
from shared.model_settings import ModelSettings
from shared.service import ChatService
from shared.settings import PROJECT_ROOT, Settings, load_settings
from shared.store.cosmos import CosmosStore
from shared.store.cosmos.limits import Limits
from tests.builders import an_owner
from tests.chaos.fleet import Fleet
from tests.cosmos.proxy import Proxy, running_proxy
from tests.cosmos_server.launch import CosmosServer
from tests.http.client import Client

SHARE = 0.08
HURRIED = Limits(  # to lose patience early; how often they try again stays as it is
    read_seconds=Limits().read_seconds * SHARE,  # what a request that is never answered costs a run
    throttle_seconds=Limits().throttle_seconds * SHARE,
    call_seconds=Limits().call_seconds * SHARE,
)


@dataclass(frozen=True)
class Stage:
    """The API, and what lies behind it."""

    api: Client
    stores: Sequence[CosmosStore]
    proxy: Proxy
    server: CosmosServer
    container: str
    under_way: "UnderWay"
    chats: Sequence[ChatService]

    @property
    def store(self) -> CosmosStore:
        """The first instance's."""
        return self.stores[0]

    @property
    def documents(self) -> list[dict[str, object]]:
        """Everything that is stored."""
        return self.server.items("chaos", self.container)


class UnderWay:
    """Counts the requests that are being answered, also those whose clients have hung up."""

    def __init__(self) -> None:
        """Begin with none."""
        self._number = 0

    @web.middleware
    async def count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count a request while it is answered."""
        self._number += 1
        try:
            return await handler(request)
        finally:
            self._number -= 1

    async def settle(self) -> None:
        """Return when there is none."""
        while self._number:
            await asyncio.sleep(0.01)


@asynccontextmanager
async def staged(
    server: CosmosServer,
    instances: int = 1,
    seed: int = 0,
    *,
    limits: Limits | None = None,
    model: ModelSettings | None = None,
) -> AsyncIterator[Stage]:
    """Serve the API in a container of its own; connections are open and nothing is under way."""
    container = f"c{uuid4().hex}"
    async with running_proxy(server.endpoint) as proxy:
        where = proxy.endpoint, server.key, "chaos", container
        stores = [CosmosStore(*where, emulator=True, limits=limits) for _ in range(instances)]
        try:
            for store in stores:
                await _open(store)
            proxy.calm()
            under_way = UnderWay()
            chats = [ChatService(store, _settings(model)) for store in stores]
            fleet = Fleet(chats, random.Random(seed))  # noqa: S311 - repeatable, not secret
            async with _served(fleet, under_way) as api:
                yield Stage(api, stores, proxy, server, container, under_way, chats)
        finally:
            for store in stores:
                await store.close()


async def _open(store: CosmosStore) -> None:
    """Connect; on a busy machine a store in a hurry may need more than one try."""
    for _ in range(9):
        with suppress(StoreError):
            return await store.ping()
        await asyncio.sleep(0.5)
    return await store.ping()


@asynccontextmanager
async def _served(fleet: Fleet, under_way: UnderWay) -> AsyncIterator[Client]:
    function_app = _function_app()
    host_json = json.loads((PROJECT_ROOT / "host.json").read_text("utf-8"))
    with patch.object(function_app, "chat", fleet):
        web_app = build_web_app(function_app.app, host_json=host_json)
        web_app.middlewares.insert(0, fleet.balance)
        web_app.middlewares.insert(0, under_way.count)
        runner = runner_for(web_app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            connector = aiohttp.TCPConnector(limit=0)
            async with aiohttp.ClientSession(connector=connector) as http:
                yield Client(http, f"http://127.0.0.1:{runner.addresses[0][1]}", an_owner())
        finally:
            await runner.cleanup()


def _settings(model: ModelSettings | None) -> Settings:
    settings = load_settings({}, Path(tempfile.gettempdir()) / "nothing-is-here")
    return replace(settings, model=model) if model else settings


def _function_app() -> ModuleType:
    """Import the project's functions; the store they name for themselves is never opened."""
    with patch.dict(os.environ, {"STORE": "sqlite"}):
        return importlib.import_module("function_app")
