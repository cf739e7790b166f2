"""Handlers for the page to read and try the API; they need no owner and ask no store."""

import asyncio

from shared.http.call import Answer, Call
from shared.http.docs_page import load, load_document, load_page
from shared.http.endpoint import Endpoint, Reply
from shared.http.page_files import FILE, MOVED, PAGE, POLICY, UNCHANGED, sent
from shared.http.parameters import IF_NOT_SEEN


@Endpoint(
    tag="Service",
    headers=(IF_NOT_SEEN,),
    answers={200: Reply("OpenAPI 3.1.", ("ETag",), model=dict[str, object]), **UNCHANGED},
    owner=None,
    asks_store=False,
)
async def openapi(call: Call) -> Answer[bytes]:
    """Describe this API in OpenAPI.

    This document.
    """
    return sent(call, await asyncio.to_thread(load_document), {})


@Endpoint(
    tag="Service",
    headers=(IF_NOT_SEEN,),
    answers={**PAGE, **MOVED},
    owner=None,
    asks_store=False,
)
async def page(call: Call) -> Answer[bytes]:
    """Read and try this API.

    A page to read this document and to send requests from.
    """
    if call.url_path.endswith("/"):  # where its relative links would lead astray
        return Answer(None, 308, {"Location": "../docs"})
    found = await asyncio.to_thread(load_page)
    return sent(call, found, {"Content-Security-Policy": POLICY})


@Endpoint(
    tag="Service",
    headers=(IF_NOT_SEEN,),
    answers=FILE,
    owner=None,
    asks_store=False,
)
async def file(call: Call) -> Answer[bytes]:
    """Return a file of that page.

    A file of that page.
    """
    return sent(call, await asyncio.to_thread(load, call.path["file"]), {})
