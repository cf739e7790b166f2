"""A proxy between the Cosmos DB client and its server that counts every request, by the phase it belongs to."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

MAX_HEAD_BYTES = 1024 * 1024  # of what precedes a body; the predicates of our Patches are in the body
BODILESS = {204, 304}
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


@dataclass(frozen=True, slots=True)
class Totals:
    """What some exchanges come to."""

    requests: int
    request_bytes: int
    request_body_bytes: int
    response_bytes: int
    units: float


def add_up(exchanges: Iterable[Exchange]) -> Totals:
    """Return the sums over the exchanges."""
    listed = list(exchanges)
    return Totals(
        requests=len(listed),
        request_bytes=sum(one.request_bytes for one in listed),
        request_body_bytes=sum(len(one.request_body) for one in listed),
        response_bytes=sum(one.response_bytes for one in listed),
        units=sum(one.charge for one in listed),
    )


class CountingProxy:
    """Forwards HTTP/1.1 over kept-alive connections and records each exchange before its answer is passed on."""

    def __init__(self, upstream: str) -> None:
        """Forward to the server at this http address."""
        parts = urlsplit(upstream)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None] | None] = set()
        self._label = UNLABELLED
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
        request = await _read_message(client.reader)
        recorded = self.exchanges.setdefault(self._label, [])
        await server.send(request.raw)
        answer = await _read_message(server.reader, bodiless=request.method == "HEAD")
        exchange = Exchange(
            method=request.method,
            path=request.target,
            status=answer.status,
            request_bytes=len(request.raw),
            request_body=request.body,
            response_bytes=len(answer.raw),
            response_body_bytes=len(answer.body),
            charge=float(answer.headers.get("x-ms-request-charge", 0)),
        )
        recorded.append(exchange)
        await client.send(answer.raw)


@asynccontextmanager
async def counting_proxy(upstream: str) -> AsyncIterator[CountingProxy]:
    """Run a proxy in front of the server at this address."""
    proxy = CountingProxy(upstream)
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


@dataclass(frozen=True, slots=True)
class _Message:
    """A request or an answer: the bytes as they came, and the body without its framing."""

    first_line: str
    headers: dict[str, str]
    body: bytes
    raw: bytes

    @property
    def method(self) -> str:
        return self.first_line.split(" ")[0]

    @property
    def target(self) -> str:
        return self.first_line.split(" ")[1]

    @property
    def status(self) -> int:
        return int(self.first_line.split(" ")[1])


async def _read_message(reader: asyncio.StreamReader, *, bodiless: bool = False) -> _Message:
    """Read one message; raises IncompleteReadError when the other side has hung up."""
    head = await reader.readuntil(b"\r\n\r\n")
    first_line, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if bodiless or (first_line.startswith("HTTP/") and int(first_line.split(" ")[1]) in BODILESS):
        return _Message(first_line, headers, b"", head)
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body, framed = await _read_chunks(reader)
        return _Message(first_line, headers, body, head + framed)
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return _Message(first_line, headers, body, head + body)


async def _read_chunks(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Return a chunked body, joined and as it came."""
    body, framed = b"", b""
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        framed += line
        if not size:
            break
        chunk = await reader.readexactly(size + 2)
        body, framed = body + chunk[:-2], framed + chunk
    while line != b"\r\n":  # trailers, then the empty line
        line = await reader.readuntil(b"\r\n")
        framed += line
    return body, framed
