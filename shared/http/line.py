"""One line of the log for each request: what it was, how it ended, what it cost; never what was said, nor by whom."""

import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import azure.functions as func

from shared.http.call import Answer, Call
from shared.http.streaming import Streamed
from shared.logs import line, user_hash
from shared.usage import Usage

logger = logging.getLogger("parley.requests")

PROBLEM = "application/problem+json"
TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
LEVELS: dict[int, int] = {  # of an answer's status; what a caller did wrong is no trouble of the operator's
    HTTPStatus.TOO_MANY_REQUESTS: logging.WARNING,
    HTTPStatus.INTERNAL_SERVER_ERROR: logging.ERROR,
    HTTPStatus.BAD_GATEWAY: logging.WARNING,
    HTTPStatus.SERVICE_UNAVAILABLE: logging.WARNING,
    HTTPStatus.GATEWAY_TIMEOUT: logging.WARNING,
}


class Line(NamedTuple):
    """What is known of a request when it has been answered; `route` is its function's name."""

    route: str
    call: Call
    usage: Usage
    answered: Answer[Any]
    started: float  # by time.perf_counter

    def write_when_sent(self, response: func.HttpResponse) -> None:
        """Write the line; of an answer that is sent as it comes when the last of it has gone."""
        if isinstance(response, Streamed):
            response.chunks = _Counted(response.chunks, self._write)
        else:
            self._write(len(response.get_body()))

    def _write(self, bytes_out: int) -> None:
        level = LEVELS.get(self.answered.status, logging.INFO)
        if logger.isEnabledFor(level):
            logger.log(level, "%s", line("request", self._told(bytes_out)))

    def _told(self, bytes_out: int) -> dict[str, object]:
        call, owner = self.call, self.call.owner
        return {
            "request_id": call.request_id,
            "route": self.route,
            "method": call.method,
            "status": self.answered.status,
            "code": self._code(),
            "milliseconds": round((time.perf_counter() - self.started) * 1000, 1),
            **self.usage.fields(),
            "bytes_in": len(call.request.get_body()),
            "bytes_out": bytes_out,
            "channel": self._channel(),
            "user": user_hash(call.chat.settings.log_hash_key, owner) if owner else None,
            "traceparent": self._traceparent(),
        }

    def _code(self) -> str | None:
        """Return the code of a problem document."""
        body = self.answered.body
        return str(body["code"]) if self.answered.media_type == PROBLEM and isinstance(body, Mapping) else None

    def _channel(self) -> str | None:
        """Return the channel of the one session it was about: as the store says, else as request or answer do."""
        if self.usage.channels:
            return next(iter(self.usage.channels)) if len(self.usage.channels) == 1 else None
        named = (self.call.channel, getattr(self.answered.body, "channel", None), self.call.path.get("channel"))
        return next((name for name in named if isinstance(name, str)), None)

    def _traceparent(self) -> str | None:
        """Return the caller's place in a trace (W3C), if that is what it sent."""
        sent = self.call.header("traceparent") or ""
        return sent if TRACEPARENT.fullmatch(sent) else None


class _Counted:
    """The pieces of an answer, counted; the host closes them when the last is sent or nobody reads on."""

    def __init__(self, chunks: AsyncIterator[bytes], at_end: Callable[[int], None]) -> None:
        """Pass these pieces on, and say at their end how many bytes they were."""
        self._chunks = chunks
        self._at_end = at_end
        self._bytes = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await anext(self._chunks)
        self._bytes += len(chunk)
        return chunk

    async def aclose(self) -> None:
        """Close what makes the pieces, and be done."""
        try:
            if close := getattr(self._chunks, "aclose", None):
                await close()
        finally:
            self._at_end(self._bytes)
