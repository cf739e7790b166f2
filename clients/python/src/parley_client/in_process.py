"""Parley in the caller's own process: transports that call the project's functions as the local host does.

The project's folder must be importable (its `function_app` and `shared`) and its packages installed; its
settings are read as ever. One client at a time, because they share its store; a forked child opens its own.
"""

import asyncio
import importlib
import json
import logging
import threading
from pathlib import Path
from typing import Any, ClassVar, Final

import httpx2

from parley_client.process import Process, this_process

logger = logging.getLogger(__name__)

START_SECONDS: Final = 10.0
LEFT_ALONE: Final[list[object]] = []  # what a parent opened: to have it collected could close the parent's files


class Functions:
    """The project's HTTP functions, found by their routes."""

    _process: ClassVar[Process] = this_process()  # whose store the project has

    def __init__(self) -> None:
        """Import the project and read its routes."""
        from shared.local_host.index import HttpFunction, read_functions  # noqa: PLC0415 - the project may be absent
        from shared.local_host.routing import HostRoute, RouteTable, compile_template  # noqa: PLC0415 - as above

        self._module = importlib.import_module("function_app")
        prefix = _route_prefix(Path(str(self._module.__file__)).with_name("host.json"))
        self._routes = RouteTable(
            HostRoute(compile_template(prefix + found.route), frozenset(found.methods), found)
            for found in read_functions(self._module.app)
            if isinstance(found, HttpFunction)
        )
        if Functions._process != this_process():
            LEFT_ALONE.append(self._module.chat)
            self._renew_store()
            Functions._process = this_process()

    async def answer(self, request: httpx2.Request, body: bytes) -> httpx2.Response:
        """Call the function that the request leads to; 404 where there is none, an empty 500 where it fails."""
        import azure.functions as func  # noqa: PLC0415 - the project may be absent

        from shared.http.over_aiohttp import query_params  # noqa: PLC0415 - as above
        from shared.local_host.invoke import call  # noqa: PLC0415 - as above
        from shared.local_host.routing import decode_path  # noqa: PLC0415 - as above

        raw_path, _, query = request.url.raw_path.decode("ascii").partition("?")
        found = self._routes.find(request.method, decode_path(raw_path))
        if found is None:
            return httpx2.Response(404)
        asked = func.HttpRequest(
            method=request.method,
            url=str(request.url),
            headers=dict(request.headers),
            params=query_params(query),
            route_params=found[1],
            body=body,
        )
        try:
            said: Any = await call(found[0], asked)
            headers = {**said.headers, "content-type": said.mimetype}
            return httpx2.Response(said.status_code, headers=headers, content=said.get_body())
        except Exception:  # the host's boundary: a function may raise anything
            logger.exception("Function %s failed", found[0].name)
            return httpx2.Response(500)

    async def close(self) -> None:
        """Let go of the store, which belongs to this loop, and leave an unopened one for whoever comes next."""
        await self._module.close()
        self._renew_store()

    def _renew_store(self) -> None:
        from shared.store import open_store  # noqa: PLC0415 - as above

        settings = self._module.settings
        self._module.chat = type(self._module.chat)(open_store(settings), settings)  # type: ignore[attr-defined]


def _route_prefix(host_json: Path) -> str:
    http = json.loads(host_json.read_text("utf-8")).get("extensions", {}).get("http", {})
    prefix = str(http.get("routePrefix", "api")).strip("/")
    return f"{prefix}/" if prefix else ""


class AsyncFunctionsTransport(httpx2.AsyncBaseTransport):
    """Calls the functions in the running loop."""

    def __init__(self) -> None:
        """Import the project."""
        self._functions = Functions()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request."""
        return await self._functions.answer(request, await request.aread())

    async def aclose(self) -> None:
        """Let go of the store."""
        await self._functions.close()


class FunctionsTransport(httpx2.BaseTransport):
    """Calls the functions in a loop of their own, in a thread that ends with the client."""

    def __init__(self) -> None:
        """Import the project and start the loop."""
        self._functions = Functions()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="parley-in-process", daemon=True)
        self._thread.start()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request."""
        answering = self._functions.answer(request, request.read())
        return asyncio.run_coroutine_threadsafe(answering, self._loop).result()

    def close(self) -> None:
        """Let go of the store and end the loop; a second time does nothing."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._functions.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS)
        self._loop.close()
