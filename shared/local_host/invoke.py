"""One call of a function: the request as the worker would hand it over, the answer as the host would send it."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Final

import azure.functions as func
from aiohttp import web

from shared.http.streaming import Streamed, StreamingRequest
from shared.local_host.index import HostedFunction, HttpFunction
from shared.local_host.routing import unescape

logger = logging.getLogger(__name__)

_BODYLESS_STATUSES: Final = frozenset({204, 205, 304})
_SET_BY_THE_SERVER: Final = frozenset({"connection", "content-length", "transfer-encoding"})
_NOT_IN_A_HEADER: Final = re.compile(r"[^\t\x20-\x7e]")
_LOOK_SECONDS: Final = 0.5  # between two looks at whether the client of a stream is still there


async def answer(function: HttpFunction, request: web.Request, route_params: Mapping[str, str]) -> web.StreamResponse:
    """Call an HTTP function; whatever goes wrong inside it is logged and becomes a 500 with an empty body."""
    body = await _read_body(request)
    try:
        result = await call(function, to_http_request(request, route_params, body))
        return await _stream(function, request, result) if isinstance(result, Streamed) else to_response(result)
    except Exception:  # the host's boundary: a function may raise anything
        logger.exception("Function %s failed", function.name)
        return web.Response(status=500)


async def call(function: HostedFunction, trigger: object) -> object:
    """Call a function by the name of its parameter, as the worker does."""
    return await function.call(**{function.trigger_parameter: trigger})


def to_http_request(request: web.Request, route_params: Mapping[str, str], body: bytes) -> func.HttpRequest:
    """Return the request as a function sees it: the URL as it was sent, repeated headers and values joined."""
    path, _, query = target_of(request).partition("?")
    return StreamingRequest(
        method=request.method,
        url=f"{request.scheme}://{request.host}{path}" + (f"?{query}" if query else ""),
        headers=_join_repeated(request.headers.items()),
        params=query_params(query),
        route_params=route_params,
        body=body,
    )


def to_response(result: object) -> web.Response:
    """Turn what a function returned into an answer; TypeError for anything but an HttpResponse."""
    if not isinstance(result, func.HttpResponse):
        raise TypeError(f"a function answers with an HttpResponse, not with {type(result).__name__}")
    headers = _response_headers(result)
    if result.status_code in _BODYLESS_STATUSES:
        del headers["content-type"]
        return web.Response(status=result.status_code, headers=headers)
    return web.Response(status=result.status_code, headers=headers, body=result.get_body())


async def _stream(function: HttpFunction, request: web.Request, result: Streamed) -> web.StreamResponse:
    """Send the pieces of an answer as they come, until the last or until the client has gone.

    An answer that has begun cannot become a 500: where a piece fails, the connection breaks off.
    """
    response = web.StreamResponse(status=result.status_code, headers=_response_headers(result))
    try:
        await response.prepare(request)
        async for chunk in _while_there(request, result.chunks):
            await response.write(chunk)
        await response.write_eof()
    except ConnectionResetError:
        logger.debug("Function %s: the client has gone", function.name)
    except Exception:  # as above
        logger.exception("Function %s failed", function.name)
        if request.transport is not None:
            request.transport.close()
    finally:
        await _close(result.chunks)
    return response


async def _while_there(request: web.Request, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Pass on pieces until the client goes: between two of them, nothing else tells that it has."""
    while True:
        following = asyncio.ensure_future(anext(chunks, None))
        try:
            while not (await asyncio.wait({following}, timeout=_LOOK_SECONDS))[0]:
                if request.transport is None or request.transport.is_closing():
                    return
            chunk = following.result()
        finally:
            if not following.done():
                following.cancel()
                await asyncio.wait({following})
        if chunk is None:
            return
        yield chunk


async def _close(chunks: AsyncIterator[bytes]) -> None:
    close = getattr(chunks, "aclose", None)
    if close is not None:
        await close()


def target_of(request: web.Request) -> str:
    """Return path and query exactly as they were sent, without the scheme and host of an absolute-form target."""
    return re.sub(r"^https?://[^/?]*", "", request.raw_path, flags=re.IGNORECASE)


def query_params(raw_query: str) -> dict[str, str]:
    """Return the query as `req.params` has it: repeated names, in any case, joined by commas; empty values dropped."""
    pairs = (pair.replace("+", " ").partition("=") for pair in raw_query.split("&"))
    joined = _join_repeated((unescape(name), unescape(value)) for name, _, value in pairs)
    return {name: value for name, value in joined.items() if value}


def _join_repeated(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Join the values of each name, empty ones left out; names differ by more than case, the first spelling stays."""
    spelling: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(spelling.setdefault(name.lower(), name), []).append(value)
    return {name: ",".join(filter(None, several)) for name, several in values.items()}


async def _read_body(request: web.Request) -> bytes:
    """Return the body; one without a Content-Length arrives empty, as on Azure, and is read to free the connection."""
    body = await request.read()
    return body if "Content-Length" in request.headers else b""


def _response_headers(response: func.HttpResponse) -> dict[str, str]:
    """Return the last value of each header; ValueError for what Kestrel refuses to send."""
    headers = {"content-type": _content_type(response)}
    for name, value in response.headers.items():
        if _NOT_IN_A_HEADER.search(name + value):
            raise ValueError(f"header {name!r} holds a character that is not printable ASCII")
        headers[name.lower()] = value
    return {name: value for name, value in headers.items() if name not in _SET_BY_THE_SERVER}


def _content_type(response: func.HttpResponse) -> str:
    """Name the charset for text types only, as the worker does."""
    mimetype = str(response.mimetype)
    return f"{mimetype}; charset={response.charset}" if mimetype.startswith("text/") else mimetype
