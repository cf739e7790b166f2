"""Answers that are sent bit by bit, and the requests that may have one; the hosts that can stream agree on this."""

import logging
import sys
from collections.abc import AsyncIterator, Mapping
from importlib import import_module

import azure.functions as func

from shared.settings import Settings

logger = logging.getLogger("parley.streaming")


class StreamingRequest(func.HttpRequest):
    """A request from a host that sends a `Streamed` answer as it comes; every other host asks with its base class."""


class Streamed(func.HttpResponse):
    """An answer whose body is still to come: the host sends each piece at once, in a write of its own.

    The host closes `chunks` (`aclose`) when it is through or the client has gone, and answers nothing further then:
    what makes the pieces goes on or not as it likes. `get_body` is empty, so that a host which cannot stream fails
    visibly rather than halfway.
    """

    def __init__(
        self,
        chunks: AsyncIterator[bytes],
        *,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        mimetype: str = "text/event-stream",
    ) -> None:
        """Answer with this status and these headers, and then with the pieces as they come."""
        super().__init__(b"", status_code=status_code, headers=dict(headers or {}), mimetype=mimetype)
        self.chunks = chunks


def can_stream(request: func.HttpRequest) -> bool:
    """Return whether the host that made this request sends pieces as they come."""
    return isinstance(request, StreamingRequest)


def let_the_host_stream(settings: Settings) -> None:
    """Load the web extension if it is wanted and this worker can use it; say so where it cannot.

    Before Python 3.13 the worker looks for an extension only if it reads the functions when it starts: else every
    request would hang.
    """
    if not settings.http_streaming:
        return
    if sys.version_info < (3, 13) and not settings.init_indexing:
        logger.warning(
            "HTTP_STREAMING is on, but on Python %d.%d only PYTHON_ENABLE_INIT_INDEXING=true lets the worker stream:"
            " the events of a turn arrive together",
            *sys.version_info[:2],
        )
        return
    import_module("shared.http.web_extension")
    logger.info("HTTP_STREAMING is on: requests reach this worker over HTTP")
