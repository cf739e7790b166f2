"""Answers that are sent bit by bit, and the requests that may have one; the hosts that can stream agree on this."""

from collections.abc import AsyncIterator, Mapping

import azure.functions as func


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
