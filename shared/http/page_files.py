"""Files of web pages as they are sent: read once, with an entity tag, and not sent again to whoever holds them."""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from shared.http.call import Answer, Call
from shared.http.endpoint import Reply
from shared.http.etags import names

POLICY = (  # nothing but the page's own files, and nothing written into it; icons in style sheets are data URLs
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
UNCHANGED: Mapping[int, Reply] = {304: Reply("Unchanged.", ("ETag",))}
PAGE: Mapping[int, Reply] = {200: Reply("The page.", ("ETag",), texts=("text/html",)), **UNCHANGED}
MOVED: Mapping[int, Reply] = {308: Reply("The page is there, without the slash at the end.", ("Location",))}
FILE: Mapping[int, Reply] = {200: Reply("The file.", ("ETag",), texts=("text/css", "text/javascript")), **UNCHANGED}


class PageFile(NamedTuple):
    """A file as it is sent: its bytes, what they are, and an entity tag that changes with them."""

    content: bytes
    media_type: str
    etag: str


def page_file(content: bytes, media_type: str) -> PageFile:
    """Return bytes as a file to send."""
    return PageFile(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def sent(call: Call, found: PageFile, headers: Mapping[str, str]) -> Answer[bytes]:
    """Answer with a file, or with 304 where the caller holds it already."""
    headers = {"ETag": found.etag, **headers}
    if names(call.header("if-none-match"), found.etag):
        return Answer(None, 304, headers)
    return Answer(found.content, 200, headers, found.media_type)
