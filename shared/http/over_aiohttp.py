"""A request that aiohttp received as a function sees it, and a function's answer as aiohttp sends it.

For the hosts that speak HTTP themselves: the local host, and the web extension on Azure.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterable
from typing import Final, TypedDict
from urllib.parse import unquote_to_bytes

import azure.functions as func
from aiohttp import web

from shared.http.streaming import Streamed

logger = logging.getLogger(__name__)

_BODYLESS_STATUSES: Final = frozenset({204, 205, 304})
_SET_BY_THE_SERVER: Final = frozenset({"connection", "content-length", "transfer-encoding"})
_NOT_IN_A_HEADER: Final = re.compile(r"[^\t\x20-\x7e]")
_LOOK_SECONDS: Final = 0.5  # between two looks at whether the client of a stream is still there


class Parts(TypedDict):
    """What a func.HttpRequest is made of, beside its route's values and its body."""

    method: str
    url: str
    headers: dict[str, str]
    params: dict[str, str]


def parts_of(request: web.BaseRequest) -> Parts:
    """Return a request as a function sees it: the URL as it was sent, repeated headers and values joined."""
    path, _, query = target_of(request).partition("?")
    return Parts(
        method=request.method,
        url=f"{request.scheme}://{request.host}{path}" + (f"?{query}" if query else ""),
        headers=_join_repeated(request.headers.items()),
        params=query_params(query),
    )


async def send(request: web.BaseRequest, result: object) -> web.StreamResponse:
    """Return what a function returned as aiohttp's answer; one that comes bit by bit has been sent then.

    Raises TypeError for anything but an HttpResponse, ValueError for a header that cannot be sent.
    """
    if isinstance(result, Streamed):
        return await _stream(request, result)
    if not isinstance(result, func.HttpResponse):
        raise TypeError(f"a function answers with an HttpResponse, not with {type(result).__name__}")
    headers = _response_headers(result)
    if result.status_code in _BODYLESS_STATUSES:
        del headers["content-type"]
        return web.Response(status=result.status_code, headers=headers)
    return web.Response(status=result.status_code, headers=headers, body=result.get_body())


def target_of(request: web.BaseRequest) -> str:
    """Return path and query exactly as they were sent, without the scheme and host of an absolute-form target."""
    return re.sub(r"^https?://[^/?]*", "", request.raw_path, flags=re.IGNORECASE)


def query_params(raw_query: str) -> dict[str, str]:
    """Return the query as `req.params` has it: repeated names, in any case, joined by commas; empty values dropped."""
    pairs = (pair.replace("+", " ").partition("=") for pair in raw_query.split("&"))
    joined = _join_repeated((unescape(name), unescape(value)) for name, _, value in pairs)
    return {name: value for name, value in joined.items() if value}


def unescape(text: str) -> str:
    """Percent-decode as .NET does: bytes that are not UTF-8 stay encoded."""
    decoded = unquote_to_bytes(text).decode("utf-8", "surrogateescape")
    return re.sub(r"[\udc80-\udcff]", lambda byte: f"%{ord(byte[0]) - 0xDC00:02X}", decoded)


async def _stream(request: web.BaseRequest, streamed: Streamed) -> web.StreamResponse:
    """Send the pieces of an answer as they come, until the last or until the client has gone.

    An answer that has begun cannot become a 500: where a piece fails, the connection breaks off.
    """
    response = web.StreamResponse(status=streamed.status_code, headers=_response_headers(streamed))
    sending = asyncio.create_task(_write(request, response, streamed.chunks))
    try:
        while not sending.done() and not _has_gone(request):
            await asyncio.wait({sending}, timeout=_LOOK_SECONDS)
    finally:
        sending.cancel()  # once, so that what makes the pieces may still tidy up
        await asyncio.wait({sending})
        if close := getattr(streamed.chunks, "aclose", None):  # also where nothing was sent yet
            await close()
    return response


async def _write(request: web.BaseRequest, response: web.StreamResponse, chunks: AsyncIterator[bytes]) -> None:
    try:
        await response.prepare(request)
        async for chunk in chunks:
            await response.write(chunk)
        await response.write_eof()
    except ConnectionResetError:
        logger.debug("The client of a stream has gone")
    except Exception:  # the host's boundary: what makes the pieces may raise anything
        logger.exception("A stream failed")
        if request.transport is not None:
            request.transport.close()


def _has_gone(request: web.BaseRequest) -> bool:
    """Return whether nobody reads the answer any more: between two pieces, nothing else tells."""
    return request.transport is None or request.transport.is_closing()


def _join_repeated(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Join the values of each name, empty ones left out; names differ by more than case, the first spelling stays."""
    spelling: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(spelling.setdefault(name.lower(), name), []).append(value)
    return {name: ",".join(filter(None, several)) for name, several in values.items()}


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
