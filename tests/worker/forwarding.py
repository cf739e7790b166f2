"""The host's part where the runtime listens itself: every request is forwarded to it, and its answer piece by piece.

The rules are those of YARP, the proxy in github.com/Azure/azure-functions-host (DefaultHttpProxyService): the message
over gRPC holds the values of the route alone, headers of one connection stay there, Host is the worker's own, and a
client that goes away ends the forwarding but not the invocation.
"""

import asyncio
from typing import Any, Final
from uuid import uuid4

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from tests.worker.messages import protos
from tests.worker.runtime import Indexed, Runtime

ADDRESS: Final = "HttpUri"
OF_ONE_CONNECTION: Final = frozenset(
    {"connection", "host", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
ADDED_BY_AIOHTTP: Final = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
LOOK_SECONDS: Final = 0.05
BROKEN: Final = (aiohttp.ClientError, ConnectionResetError)


class Forwarder:
    """Forwards requests to a runtime that has told where it listens."""

    def __init__(self, runtime: Runtime) -> None:
        """Open what keeps the connections to the runtime."""
        self._runtime = runtime
        self._http = aiohttp.ClientSession(auto_decompress=False)
        self._invocations: set[asyncio.Task[Any]] = set()

    async def close(self) -> None:
        """Wait for the invocations, close the connections, and let the runtime listen no longer."""
        from shared.http.web_extension import WebServer  # noqa: PLC0415 - its import lets the runtime listen

        async with asyncio.timeout(10):
            await asyncio.gather(*self._invocations)
        await self._http.close()
        port = URL(self._runtime.capabilities[ADDRESS]).port
        for runner in [runner for runner in WebServer.running if runner.addresses[0][1] == port]:
            WebServer.running.remove(runner)  # there may be others: a test that starts a host beside its module's
            await runner.cleanup()

    async def answer(self, request: web.Request, target: str, found: tuple[Indexed, dict[str, str]]) -> Any:
        """Answer with what the runtime answers to the forwarded request."""
        function, params = found
        invocation_id = str(uuid4())
        data = protos.TypedData(http=protos.RpcHttp(params=params))
        invocation = asyncio.create_task(self._runtime.invoke(function.name, data, invocation_id=invocation_id))
        self._invocations.add(invocation)
        invocation.add_done_callback(self._invocations.discard)
        forwarding = asyncio.create_task(self._forward(request, target, invocation_id))
        while not forwarding.done() and request.transport is not None and not request.transport.is_closing():
            await asyncio.wait({forwarding}, timeout=LOOK_SECONDS)
        if not forwarding.done():
            forwarding.cancel()
            await asyncio.wait({forwarding})
            return web.Response(status=499)
        return forwarding.result()

    async def _forward(self, request: web.Request, target: str, invocation_id: str) -> web.StreamResponse:
        headers = _kept(request.headers)
        headers["x-ms-invocation-id"] = invocation_id
        headers.update({"X-Forwarded-Host": request.host, "X-Forwarded-Proto": request.scheme})
        url = URL(self._runtime.capabilities[ADDRESS] + target, encoded=True)
        sending = self._http.request(
            request.method,
            url,
            headers=headers,
            data=request.content if request.body_exists else None,
            skip_auto_headers=ADDED_BY_AIOHTTP,
            allow_redirects=False,
        )
        async with sending as answered:
            response = web.StreamResponse(status=answered.status, headers=_kept(answered.headers))
            await response.prepare(request)
            try:
                async for piece in answered.content.iter_any():
                    await response.write(piece)
                await response.write_eof()
            except BROKEN:
                if request.transport is not None:
                    request.transport.abort()
            return response


def _kept(headers: Any) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in OF_ONE_CONNECTION)
