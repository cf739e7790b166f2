"""Parley as it is served, on a Cosmos DB test server behind the proxy, with no time to lose."""

import asyncio
import importlib
import json
import os
import random
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from unittest.mock import patch
from uuid import uuid4

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler

from shared.local_host import build_web_app, runner_for
from shared.model_settings import ModelSettings
from shared.service import ChatService
from shared.settings import PROJECT_ROOT, Settings, load_settings
from shared.store.cosmos import CosmosStore
from shared.store.cosmos.connection import Connection
from shared.store.cosmos.limits import Limits
from tests.builders import an_owner
from tests.chaos.fleet import Fleet
from tests.chaos.instances import Instance, Instances, running
from tests.cosmos.proxy import Proxy
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
    instances: Instances
    fleet: Fleet
    server: CosmosServer
    container: str
    under_way: "UnderWay"

    @property
    def stores(self) -> Sequence[CosmosStore]:
        """Those of the instances that live."""
        return [instance.store for instance in self.instances.living]

    @property
    def store(self) -> CosmosStore:
        """The first instance's."""
        return self.stores[0]

    @property
    def proxy(self) -> Proxy:
        """The first instance's."""
        return self.instances.living[0].proxy

    @property
    def chats(self) -> Sequence[ChatService]:
        """Those of the instances that live."""
        return [instance.chat for instance in self.instances.living]

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

    async def make() -> Instance:
        proxy = Proxy(server.endpoint)
        await proxy.start()
        store = CosmosStore(proxy.endpoint, server.key, "chaos", container, emulator=True, limits=limits)
        return Instance(ChatService(store, _settings(model)), store, proxy)

    # The ways to the account differ, and the account is one: its session tokens are good on each.
    one_account = property(lambda connection: ("", connection._database, connection._name))
    with patch.object(Connection, "names", one_account):
        async with running(instances, make, lambda: server.items("chaos", container)) as made:
            under_way = UnderWay()
            chats = [instance.chat for instance in made.living]
            fleet = Fleet(chats, random.Random(seed))  # noqa: S311 - repeatable, not secret
            async with _served(fleet, under_way) as api:
                yield Stage(api, made, fleet, server, container, under_way)


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
