"""One call of a function: the request as the worker would hand it over, the answer as the host would send it."""

import logging
from collections.abc import Mapping

from aiohttp import web

from shared.http.over_aiohttp import parts_of, send
from shared.http.streaming import StreamingRequest
from shared.local_host.index import HostedFunction, HttpFunction

logger = logging.getLogger(__name__)


async def answer(function: HttpFunction, request: web.Request, route_params: Mapping[str, str]) -> web.StreamResponse:
    """Call an HTTP function; whatever goes wrong inside it is logged and becomes a 500 with an empty body."""
    body = await _read_body(request)
    try:
        sent = StreamingRequest(**parts_of(request), route_params=route_params, body=body)
        return await send(request, await call(function, sent))
    except Exception:  # the host's boundary: a function may raise anything
        logger.exception("Function %s failed", function.name)
        return web.Response(status=500)


async def call(function: HostedFunction, trigger: object) -> object:
    """Call a function by the name of its parameter, as the worker does."""
    return await function.call(**{function.trigger_parameter: trigger})


async def _read_body(request: web.Request) -> bytes:
    """Return the body; one without a Content-Length arrives empty, as on Azure, and is read to free the connection."""
    body = await request.read()
    return body if "Content-Length" in request.headers else b""
