"""The project's functions: their route table, and a host that serves them."""

import importlib
import json
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiohttp import web

from shared.local_host import build_web_app, runner_for
from shared.local_host.index import HttpFunction, read_functions
from shared.model_settings import ModelSettings
from shared.openapi.operations import Operation, operations
from shared.service import ChatService
from shared.settings import PROJECT_ROOT, load_settings
from shared.store.port import SessionStore
from tests.http.documented import Tally

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
