"""The aiohttp application around a FunctionApp: routing, the admin pages, and what the host adds to every answer."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import azure.functions as func
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.typedefs import Handler

from shared.http.over_aiohttp import target_of
from shared.local_host.cors import Cors
from shared.local_host.errors import HostError
from shared.local_host.index import HttpFunction, TimerFunction, read_functions
from shared.local_host.invoke import answer
from shared.local_host.routing import BadPathError, HostRoute, RouteTable, compile_template, decode_path
from shared.local_host.timers import Timers

BODY_LIMIT_BYTES: Final = 104_857_600
"""The host's default limit for a request body, 100 MB."""

_SERVER: Final = "Parley local host"
_SHUTDOWN_SECONDS: Final = 1.5  # aiohttp waits this long twice for a request that is under way
_LINGERING_SECONDS: Final = 1.0  # how long the rest of a refused body is read, so that the client sees the answer
_ADMIN: Final = re.compile(r"/admin/functions(?:/([^/]+))?/?", re.IGNORECASE)


def build_web_app(
    app: func.FunctionApp, *, host_json: Mapping[str, Any], cors_origins: Sequence[str] = ()
) -> web.Application:
    """Return a web application that serves an app's HTTP functions and runs its timers while it is up.

    Raises HostError for an app or a host.json that the real host would refuse, or that goes beyond HTTP and timers.
    """
    host = _Host(read_functions(app), _http_section(host_json))
    web_app = web.Application(client_max_size=BODY_LIMIT_BYTES)
    web_app.on_response_prepare.append(_sign)
    web_app.middlewares.append(_bare_errors)
    Cors(cors_origins).install(web_app)
    web_app.middlewares.append(host.dispatch)
    host.timers.install(web_app)
    return web_app


def runner_for(web_app: web.Application) -> web.AppRunner:
    """Return a runner that leaves compressed bodies alone, as the host does, and stops within a few seconds."""
    connections = logging.getLogger(f"{__name__}.connections")
    connections.addFilter(_is_no_malformed_request)
    return web.AppRunner(
        web_app,
        access_log=None,
        auto_decompress=False,
        lingering_time=_LINGERING_SECONDS,
        logger=connections,
        shutdown_timeout=_SHUTDOWN_SECONDS,
    )


class _Host:
    """The functions of one app, found by request."""

    def __init__(self, functions: Sequence[HttpFunction | TimerFunction], http: Mapping[str, Any]) -> None:
        prefix = str(http.get("routePrefix", "api")).strip("/")
        self._functions = {function.name.lower(): function for function in functions}
        http_functions = [function for function in functions if isinstance(function, HttpFunction)]
        self._routes = RouteTable(_route(function, prefix) for function in http_functions)
        self.timers = Timers(function for function in functions if isinstance(function, TimerFunction))

    @web.middleware
    async def dispatch(self, request: web.Request, handler: Handler) -> web.StreamResponse:  # noqa: ARG002 - aiohttp names it
        """Answer a request; aiohttp's own router, which knows no routes here, is passed by."""
        path = _path_of(request)
        if found := _ADMIN.fullmatch(path):
            return self._administer(request.method, found[1])
        if match := self._routes.find(request.method, path):
            return await answer(match[0], request, match[1])
        if path == "/" and request.method in {"GET", "HEAD"}:
            return web.Response(text="The Parley local host is up. GET /admin/functions lists what it serves.\n")
        raise web.HTTPNotFound

    def _administer(self, method: str, name: str | None) -> web.Response:
        if method == "GET" and name is None:
            return web.json_response([function.describe() for function in self._functions.values()])
        function = self._functions.get((name or "").lower())
        if method == "GET" and function is not None:
            return web.json_response(function.describe())
        if method == "POST" and name is not None and self.timers.fire(name):
            return web.Response(status=202)
        raise web.HTTPNotFound


def _route(function: HttpFunction, prefix: str) -> HostRoute[HttpFunction]:
    text = f"{prefix}/{function.route}" if prefix else function.route
    try:
        template = compile_template(text)
    except HostError as exc:
        raise HostError(f"function {function.name!r}: {exc}") from exc
    return HostRoute(template, frozenset(function.methods), function)


def _http_section(host_json: Mapping[str, Any]) -> Mapping[str, Any]:
    section = host_json.get("extensions", {}).get("http", {})
    if not isinstance(section, Mapping):
        raise HostError("host.json: extensions.http must be an object")
    return section


def _path_of(request: web.Request) -> str:
    """Return the decoded path; raise what Kestrel answers before it looks for a route.

    413 for a body over the limit; 400 for a target that is no path and for headers whose bytes are no text.
    """
    if (request.content_length or 0) > BODY_LIMIT_BYTES:
        raise web.HTTPRequestEntityTooLarge(BODY_LIMIT_BYTES, request.content_length or 0)
    target = target_of(request)
    if not target.isascii() or any(map(_has_stray_bytes, request.headers.values())):
        raise web.HTTPBadRequest
    path = target.partition("?")[0]
    try:
        return decode_path(path or "/")
    except BadPathError as exc:
        raise web.HTTPBadRequest from exc


def _is_no_malformed_request(record: logging.LogRecord) -> bool:
    """Keep the traceback of a malformed request out of the log: it is the client's mistake, and its answer 400."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, BadHttpMessage)


def _has_stray_bytes(text: str) -> bool:
    """Return whether a header held bytes that are not UTF-8, which aiohttp keeps as lone surrogates."""
    return any("\udc80" <= character <= "\udcff" for character in text)


@web.middleware
async def _bare_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Strip aiohttp's errors to their status: the host's own errors have no body."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return web.Response(status=error.status)
    except web.RequestPayloadError:
        return web.Response(status=400)


async def _sign(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = _SERVER
