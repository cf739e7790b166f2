"""The host's part: HTTP in front of the runtime, turned into its messages and back as Azure's own host does it.

The rules are read off github.com/Azure/azure-functions-host (GrpcMessageConversionExtensions, RawScriptResult)
for the capabilities that the runtime announces, and share no code with the local host, which is compared with this.
"""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote

import aiohttp
from aiohttp import web
from google.protobuf.message import Message
from multidict import CIMultiDict

from shared.local_host import runner_for
from tests.http.client import Client
from tests.worker.forwarding import ADDRESS, Forwarder
from tests.worker.messages import protos
from tests.worker.runtime import Indexed, Runtime

Load = Callable[[], Awaitable[Runtime]]

PREFIX: Final = "/api/"
BODY_LIMIT_BYTES: Final = 104_857_600
WITHOUT_A_BODY: Final = frozenset({204, 304})
UNRESERVED: Final = "/:@!$&'()*+,;=~"  # what .NET leaves alone in a path


@asynccontextmanager
async def serving(runtime: Runtime, user: str | None) -> AsyncIterator[Client]:
    """Serve the runtime's functions on a free port, to a client that speaks for a user."""

    async def load() -> Runtime:
        return runtime

    async with serving_web_app(build_web_app(load)) as url, aiohttp.ClientSession() as http:
        yield Client(http, url, user)


def build_web_app(load: Load) -> web.Application:
    """Return a web application that answers as the host does; it loads the functions when it starts."""
    host = _Host(load)
    web_app = web.Application(client_max_size=BODY_LIMIT_BYTES)
    web_app.on_startup.append(host.start)
    web_app.on_cleanup.append(host.stop)
    web_app.router.add_route("*", r"/{path:[\s\S]*}", host.answer)
    return web_app


@asynccontextmanager
async def serving_web_app(web_app: web.Application) -> AsyncIterator[str]:
    """Serve a web application on a free port and tell its address."""
    runner = runner_for(web_app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def timer_data(*, past_due: bool = False, monitored: bool = True) -> Message:
    """Return what the host sends when a timer is due; without its monitor it knows nothing of earlier runs."""
    times = {"Last": "2026-01-01T00:00:00+00:00", "LastUpdated": "2026-01-01T00:00:00+00:00"}
    status = {**times, "Next": "2026-01-01T01:00:00+00:00"} if monitored else None
    told = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": past_due}
    return protos.TypedData(json=json.dumps(told))


class _Host:
    """Finds the function of a request by the routes that the runtime has told."""

    def __init__(self, load: Load) -> None:
        self._load = load

    async def start(self, _: web.Application) -> None:
        self._runtime = await self._load()
        functions = [function for function in self._runtime.functions.values() if "route" in function.trigger]
        self._forwarder = Forwarder(self._runtime) if ADDRESS in self._runtime.capabilities else None
        self._routes = [(_pattern(function.trigger["route"]), function) for function in functions]

    async def stop(self, _: web.Application) -> None:
        """Close what forwards."""
        if self._forwarder:
            await self._forwarder.close()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer with what the function says that the request's route leads to."""
        if "%00" in request.raw_path.partition("?")[0]:
            return web.Response(status=400)
        found = self._find(request.method, _routed_path(request))
        if found is None:
            return web.Response(status=404)
        if self._forwarder:
            answer: web.StreamResponse = await self._forwarder.answer(request, _target(request), found)
            return answer
        function, params = found
        data = protos.TypedData(http=await _rpc_http(request, params))
        response = await self._runtime.invoke(function.name, data, _metadata(data.http))
        return _to_http(response)

    def _find(self, method: str, path: str) -> tuple[Indexed, dict[str, str]] | None:
        matches = [
            (function, match.groupdict())
            for pattern, function in self._routes
            if method in function.methods and (match := pattern.fullmatch(path))
        ]
        assert len(matches) < 2, "the host promises no order between routes that fit the same request"
        return matches[0] if matches else None


def _pattern(route: str) -> re.Pattern[str]:
    """Return the expression of a route: literals in any case, a parameter takes what has no slash."""
    parts = re.split(r"\{(\w+)\}", route)
    assert not re.search(r"[{}]", "".join(parts[::2])), f"these tests do not know how the host reads {route!r}"
    texts = [f"(?P<{part}>[^/]+)" if number % 2 else re.escape(part) for number, part in enumerate(parts)]
    return re.compile(PREFIX + "".join(texts) + "/?", re.IGNORECASE)


def _routed_path(request: web.Request) -> str:
    """Decode the path once and resolve its dots; an encoded slash stays encoded."""
    decoded = unquote(re.sub("%2f", "%252F", request.raw_path.partition("?")[0], flags=re.IGNORECASE))
    kept: list[str] = []
    for segment in decoded.split("/")[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    return "/" + "/".join(kept)


def _target(request: web.Request) -> str:
    """Return path and query as the host writes them anew."""
    query = request.raw_path.partition("?")[2]
    return quote(_routed_path(request), safe=UNRESERVED) + (f"?{query}" if query else "")


async def _rpc_http(request: web.Request, params: Mapping[str, str]) -> Message:
    query = request.raw_path.partition("?")[2]
    body = await request.read()
    sized = request.content_length is not None and request.content_length > 0
    return protos.RpcHttp(
        method=request.method,
        url=f"{request.scheme}://{request.host}{_target(request)}",
        headers=_joined((name.lower(), value) for name, value in request.headers.items()),
        query={name: value for name, value in _joined(parse_qsl(query, keep_blank_values=True)).items() if value},
        params=params,
        body=protos.TypedData(bytes=body) if sized else None,  # of a chunked body the host knows no length
    )


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Name each once, as it is spelled first, its values that are not empty joined by commas."""
    spelling: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(spelling.setdefault(name.lower(), name), []).append(value)
    return {name: ",".join(filter(None, several)) for name, several in values.items()}


def _metadata(http: Any) -> dict[str, Message]:
    """Return what the host tells of a trigger beside its data: every parameter, and headers and query as JSON."""
    texts = {name: protos.TypedData(string=value) for name, value in (*http.query.items(), *http.params.items())}
    named = {"Headers": dict(http.headers), "Query": dict(http.query)}
    return texts | {name: protos.TypedData(json=json.dumps(value)) for name, value in named.items()}


def _to_http(response: Any) -> web.Response:
    """Answer with what the function returned; what it raised is a 500 without a body."""
    if response.result.status != protos.StatusResult.Success or response.return_value.WhichOneof("data") != "http":
        return web.Response(status=500)
    http = response.return_value.http
    assert http.body.WhichOneof("data") == "bytes"
    status, body = int(http.status_code), http.body.bytes
    assert not (status in WITHOUT_A_BODY and body), "Kestrel aborts an answer that may not have a body and has one"
    return web.Response(status=status, headers=CIMultiDict(http.headers), body=body)
