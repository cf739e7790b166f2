"""Handlers for the page to talk, find and look after sessions; it asks the API like every other client."""

import asyncio
from collections.abc import Mapping

from shared.http import page_files
from shared.http.app_page import load, load_page
from shared.http.call import Answer, Call
from shared.http.endpoint import Endpoint
from shared.http.page_files import FILE, MOVED, PAGE, PageFile, sent
from shared.http.parameters import IF_NOT_SEEN, PATH_PARAMETERS
from shared.http.shares import PRIVATE

POLICY: Mapping[str, str] = {
    # The page makes no HTML from text: Trusted Types hold it to that.
    "Content-Security-Policy": f"{page_files.POLICY}; require-trusted-types-for 'script'; trusted-types 'none'",
    "Referrer-Policy": "no-referrer",
}


@Endpoint(
    tag="Service",
    headers=(IF_NOT_SEEN,),
    answers={**PAGE, **MOVED},
    owner=None,
    asks_store=False,
)
async def page(call: Call) -> Answer[bytes]:
    """Talk, find and look after sessions.

    A page for people; it does everything through this API.
    """
    if call.url_path.endswith("/"):  # where its relative links would lead astray
        return Answer(None, 308, {"Location": "../app"})
    found = await _page(call, "app/")
    return sent(call, found, POLICY)


@Endpoint(
    tag="Service",
    headers=(IF_NOT_SEEN,),
    answers=FILE,
    path={"file": PATH_PARAMETERS["file"]._replace(example="app.js")},
    owner=None,
    asks_store=False,
)
async def file(call: Call) -> Answer[bytes]:
    """Return a file of the page for people.

    A file of that page.
    """
    return sent(call, await asyncio.to_thread(load, call.path["file"]), {})


@Endpoint(
    tag="Shared",
    headers=(IF_NOT_SEEN,),
    answers=PAGE,
    owner=None,
    asks_store=False,
)
async def share_page(call: Call) -> Answer[bytes]:
    """Read what somebody shares, as a page.

    A page that shows to people what the link shows; whether the link works, the page itself says. It is not for search
    engines.
    """
    found = await _page(call, "../../app/")
    return sent(call, found, {**POLICY, **PRIVATE})


async def _page(call: Call, files: str) -> PageFile:
    settings = call.chat.settings
    replies = settings.model.endpoint is not None
    return await asyncio.to_thread(load_page, files, settings.user_identity, replies=replies)
