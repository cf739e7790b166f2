"""The project's functions: their route table, and a host that serves them and counts what it answers."""

import importlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from shared.http.docs_page import load_document
from shared.local_host import build_web_app, runner_for
from shared.local_host.index import HttpFunction, read_functions
from shared.local_host.routing import HostRoute, RouteTable, compile_template, decode_path
from shared.model_settings import ModelSettings
from shared.models import JsonObject
from shared.openapi.operations import Operation, operations
from shared.service import ChatService
from shared.settings import PROJECT_ROOT, load_settings
from shared.store.port import SessionStore

DOCUMENT: JsonObject = json.loads(load_document().content)
NO_MODEL = ModelSettings(endpoint="http://127.0.0.1:1/v1", name="none")  # set, so that turns are refused for the rest
NOWHERE = Path(tempfile.gettempdir()) / f"parley-nobody-opens-this-{os.getpid()}.db"


def functions() -> ModuleType:
    """Import the project's functions with a data file that nothing here opens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORE", "sqlite")
        patch.setenv("SQLITE_PATH", str(NOWHERE))
        return importlib.import_module("function_app")


def route_table() -> list[Operation]:
    """Return every method of every route the app has; fails for a function that is registered in another way."""
    module = functions()
    declared = [function.name for function in read_functions(module.app) if isinstance(function, HttpFunction)]
    assert [route.name for route in module.routes] == declared
    return operations(module.routes)


class Tally:
    """Counts answers by operation and status; `""` is the host's own, where no route fits."""

    def __init__(self) -> None:
        """Know the routes, and what is documented of them."""
        self.answers: Counter[tuple[str, int]] = Counter()
        known = route_table()
        self._operations = RouteTable(
            HostRoute(compile_template(route.path.strip("/")), frozenset({route.method}), route) for route in known
        )
        self._documented = {
            route.operation_id: set(DOCUMENT["paths"][route.path][route.method.lower()]["responses"]) for route in known
        } | {"": {"400", "404"}}

    @web.middleware
    async def count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count one answer."""
        response = await handler(request)
        bare = not response.body_length and "x-request-id" not in response.headers
        self.answers["" if bare else self._operation(request), response.status] += 1
        return response

    def _operation(self, request: web.Request) -> str:
        found = self._operations.find(request.method, decode_path(request.raw_path.partition("?")[0]))
        return found[0].operation_id if found else ""

    @property
    def total(self) -> int:
        """How many requests were answered."""
        return self.answers.total()

    @property
    def statuses(self) -> dict[int, int]:
        """How often each status was answered."""
        found: Counter[int] = Counter()
        for (_, status), count in self.answers.items():
            found[status] += count
        return dict(sorted(found.items()))

    @property
    def undocumented(self) -> dict[tuple[str, int], int]:
        """Answers whose status the document does not name for their operation, a server error being one."""
        return {
            (operation, status): count
            for (operation, status), count in sorted(self.answers.items())
            if str(status) not in self._documented[operation]
        }


@asynccontextmanager
async def serving(store: SessionStore, tally: Tally | None = None, **changed: Any) -> AsyncIterator[str]:
    """Serve the functions on a store, with settings changed by keyword, and yield their address."""
    module = functions()
    web_app = build_web_app(module.app, host_json=json.loads((PROJECT_ROOT / "host.json").read_text("utf-8")))
    if tally:
        web_app.middlewares.insert(0, tally.count)
    runner = runner_for(web_app)
    settings = replace(load_settings({}, NOWHERE.parent), **{"model": NO_MODEL, **changed})
    with pytest.MonkeyPatch.context() as patch:
        chat = ChatService(store, settings)
        patch.setattr(module, "chat", chat)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()
            await chat.settle()
