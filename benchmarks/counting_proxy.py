"""A proxy between the Cosmos DB client and its server that counts every request, by the phase it belongs to."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from benchmarks.metering import Meter
from benchmarks.wire import MAX_HEAD_BYTES, read_message

UNLABELLED = "unlabelled"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer as they crossed the wire; whole sizes include the lines and headers."""

    method: str
    path: str
    status: int
    request_bytes: int
    request_body: bytes
    response_bytes: int
    response_body_bytes: int
    charge: float  # what the answer says it cost, in request units
    measured: float = 0.0  # what the curve measured on a live account says; 0 without a meter
    index: float = 0.0  # what its index terms add to that
    started: float = 0.0  # by time.monotonic, which processes of one machine share
    ended: float = 0.0

    @property
    def is_batch(self) -> bool:
        """Return whether this was a transactional batch: of all requests only its body is a list."""
        return self.request_body.startswith(b"[")


@dataclass(frozen=True, slots=True)
class Totals:
    """What some exchanges come to."""

    requests: int
    request_bytes: int
    request_body_bytes: int
    response_bytes: int
    units: float
    measured: float = 0.0
    index: float = 0.0


def add_up(exchanges: Iterable[Exchange]) -> Totals:
    """Return the sums over the exchanges."""
    listed = list(exchanges)
    return Totals(
        requests=len(listed),
        request_bytes=sum(one.request_bytes for one in listed),
        request_body_bytes=sum(len(one.request_body) for one in listed),
        response_bytes=sum(one.response_bytes for one in listed),
        units=sum(one.charge for one in listed),
        measured=sum(one.measured for one in listed),
        index=sum(one.index for one in listed),
    )


class CountingProxy:
    """Forwards HTTP/1.1 over kept-alive connections and records each exchange before its answer is passed on."""

    def __init__(self, upstream: str, meter: Meter | None = None) -> None:
        """Forward to the server at this http address; a meter says what a live account would charge."""
        parts = urlsplit(upstream)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None] | None] = set()
        self._label = UNLABELLED
        self._meter = meter
        self.connections = 0  # that clients have opened so far
        self.exchanges: dict[str, list[Exchange]] = {}

    @property
    def endpoint(self) -> str:
        """The address to give to the client."""
        if self._server is None:
            message = "the proxy is not running"
            raise RuntimeError(message)
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"

    @contextmanager
    def phase(self, label: str) -> Iterator[list[Exchange]]:
        """Record under this label what is exchanged inside the block; the list grows while it runs."""
        before, self._label = self._label, label
        recorded = self.exchanges.setdefault(label, [])
        try:
            yield recorded
        finally:
            self._label = before

    def totals(self, label: str) -> Totals:
        """Return what was exchanged under a label, in sum."""
        return add_up(self.exchanges.get(label, []))

    async def start(self) -> None:
        """Listen on a free loopback port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=MAX_HEAD_BYTES)

    async def stop(self) -> None:
        """Stop listening and close every connection."""
        if self._server is not None:
            self._server.close()
        for writer in self._open:
            writer.close()
        await asyncio.gather(*(task for task in self._serving if task))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._serving.add(task)
        self._open.add(writer)
        self.connections += 1
        try:
            upstream, sender = await asyncio.open_connection(self._host, self._port, limit=MAX_HEAD_BYTES)
            self._open.add(sender)
            try:
                with suppress(asyncio.IncompleteReadError, ConnectionError):
                    while True:
                        await self._exchange(_Stream(reader, writer), _Stream(upstream, sender))
            finally:
                await self._close(sender)
        finally:
            await self._close(writer)
            self._serving.discard(task)

    async def _close(self, writer: asyncio.StreamWriter) -> None:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        self._open.discard(writer)

    async def _exchange(self, client: "_Stream", server: "_Stream") -> None:
        request = await read_message(client.reader)
        started = time.monotonic()
        recorded = self.exchanges.setdefault(self._label, [])
        await server.send(request.raw)
        answer = await read_message(server.reader, bodiless=request.method == "HEAD")
        measured, index = self._meter.charges(request, answer) if self._meter else (0.0, 0.0)
        exchange = Exchange(
            method=request.method,
            path=request.target,
            status=answer.status,
            request_bytes=len(request.raw),
            request_body=request.body,
            response_bytes=len(answer.raw),
            response_body_bytes=len(answer.body),
            charge=answer.charge,
            measured=measured,
            index=index,
            started=started,
            ended=time.monotonic(),
        )
        recorded.append(exchange)
        await client.send(answer.raw)


@asynccontextmanager
async def counting_proxy(upstream: str, meter: Meter | None = None) -> AsyncIterator[CountingProxy]:
    """Run a proxy in front of the server at this address."""
    proxy = CountingProxy(upstream, meter)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()


@dataclass(frozen=True, slots=True)
class _Stream:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()
