"""Handlers for the page to read and try the API; they need no owner and ask no store."""

import asyncio

from shared.http.boundary import Answer
from shared.http.call import Call
from shared.http.docs_page import PageFile, load, load_document, load_page
from shared.http.etags import names

POLICY = (  # Swagger UI needs no more; the icons in its style sheet are data URLs
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


async def openapi(call: Call) -> Answer:
    """Return the OpenAPI document."""
    return _sent(call, await asyncio.to_thread(load_document), {})


async def page(call: Call) -> Answer:
    """Return the page; with a slash behind it, where its relative links would lead astray, send on to it."""
    if call.path.endswith("/"):
        return Answer(None, 308, {"Location": "../docs"})
    found = await asyncio.to_thread(load_page)
    return _sent(call, found, {"Content-Security-Policy": POLICY})


async def file(call: Call) -> Answer:
    """Return one of the page's files."""
    return _sent(call, await asyncio.to_thread(load, call.route("file")), {})


def _sent(call: Call, found: PageFile, headers: dict[str, str]) -> Answer:
    headers = {"ETag": found.etag, **headers}
    if names(call.header("if-none-match"), found.etag):
        return Answer(None, 304, headers)
    return Answer(found.content, 200, headers, found.media_type)
