"""Parley's web extension for Azure Functions: HTTP reaches this worker directly, so that an answer may be streamed.

Once this module is imported, the worker starts the server below on a loopback port and the host forwards every HTTP
request there; the values of its route come over gRPC as before, and the worker's coordinator brings the two together.
The type of a request is `func.HttpRequest`, so no function differs. What does differ: a body that is sent in chunks
arrives, and the host in `req.url` is this worker's own. Imported by `let_the_host_stream` alone (decision 17).
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, Final

import azure.functions as func
from aiohttp import web
from azurefunctions.extensions import base  # type: ignore[import-untyped] # it has no types

from shared.http.over_aiohttp import Parts, parts_of, send
from shared.http.streaming import StreamingRequest

logger = logging.getLogger(__name__)

INVOCATION_ID: Final = "x-ms-invocation-id"
LONGEST_HEADER_BYTES: Final = 65_536  # Kestrel has let no more than 32 KiB of headers pass, before it escapes any
KEEP_ALIVE_SECONDS: Final = 3_600  # longer than the host keeps an idle connection, so that it is the one who closes

Forward = Callable[[func.HttpRequest], Awaitable[object]]


class Arrived(StreamingRequest):
    """A request that came over HTTP; the values of its route follow over gRPC. `failure` is why its body did not."""

    def __init__(self, parts: Parts, body: bytes, failure: Exception | None) -> None:
        """Take the request as it came."""
        super().__init__(**parts, body=body)
        self.failure = failure
        self.values: Mapping[str, str] = {}

    @property
    def route_params(self) -> Mapping[str, str]:
        """The values of the route."""
        return self.values


class _RouteValues(base.RequestSynchronizer):  # type: ignore[misc] # as above
    """Brings the values of a route to the request that came without them, before the function is called."""

    def sync_route_params(self, request: Arrived, path_params: Mapping[str, str]) -> None:
        """Set them; raise what has kept the body away, so that no function runs on half of it."""
        if request.failure:
            raise request.failure
        request.values = path_params


class _Request(metaclass=base.RequestTrackerMeta):  # type: ignore[metaclass] # as above
    """What the worker lets a function's request be annotated with."""

    request_type = func.HttpRequest
    synchronizer = _RouteValues()


class _Response(metaclass=base.ResponseTrackerMeta):  # type: ignore[metaclass] # as above
    """What the worker lets a function's answer be annotated with."""

    label = base.ResponseLabels.STANDARD
    response_type = func.HttpResponse


class WebApp(base.WebApp):  # type: ignore[misc] # as above; the worker finds it by its name
    """Answers every method and path with what the worker's coordinator makes of it: no router may come between.

    A request that a router refused would leave the invocation that belongs to it waiting for ever.
    """

    _forward: Forward

    def route(self, func: Forward) -> None:  # the worker calls it as a decorator
        """Take the worker's function that hands a request to its invocation and waits for the answer."""
        self._forward = func

    def get_app(self) -> "WebApp":
        """Return what the server serves."""
        return self

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request; what the function raised is the host's to log, and a 500 with an empty body."""
        try:
            body, failure = await request.content.read(), None
        except Exception as error:  # noqa: BLE001 - the invocation that waits for it is told, whatever it was
            body, failure = b"", error
        try:
            result = await self._forward(Arrived(parts_of(request), body, failure))
        except Exception:  # noqa: BLE001 - as above
            return web.Response(status=500)
        finally:
            self._forget(request.headers.get(INVOCATION_ID))
        try:
            return await send(request, result)
        except Exception:
            logger.exception("An answer could not be sent")
            return web.Response(status=500)

    def _forget(self, invocation_id: str | None) -> None:
        """Let go of what the coordinator would keep of each request for good, two kilobytes (runtime 1.3.0)."""
        coordinator = getattr(self._forward, "__globals__", {}).get("http_coordinator")
        kept = getattr(coordinator, "_context_references", None)
        if isinstance(kept, dict):
            kept.pop(invocation_id, None)


class WebServer(base.WebServer):  # type: ignore[misc] # as above
    """Listens where the worker says."""

    running: ClassVar[list[web.ServerRunner]] = []

    async def serve(self) -> None:
        """Listen and return; SystemExit ends a worker that cannot, since no request would ever reach it."""
        options: dict[str, Any] = {
            "access_log": None,
            "auto_decompress": False,
            "keepalive_timeout": KEEP_ALIVE_SECONDS,
            "max_line_size": LONGEST_HEADER_BYTES,
            "max_field_size": LONGEST_HEADER_BYTES,
        }
        runner = web.ServerRunner(web.Server(self.web_app.answer, **options))
        await runner.setup()
        try:
            await web.TCPSite(runner, self.hostname, self.port).start()
        except OSError as error:
            raise SystemExit(f"The web extension cannot listen on {self.hostname}:{self.port}: {error}") from error
        self.running.append(runner)
