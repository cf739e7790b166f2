"""An HTTP proxy between the SDK and the server that breaks things by rule and writes down what passed.

A rule is a predicate over requests and something to do with those it matches: an async function of
the exchange, which may forward the request, reply, wait, or break the connection. Bodies have a
Content-Length on both sides and connections are kept, as the SDK's and the test server's are.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from tests.listening import close_listener

Act = Callable[["Exchange"], Awaitable[None]]
Test = Callable[["Request"], bool]
QUERY_PLAN = "x-ms-cosmos-is-query-plan-request"  # its body is JSON, as a new item's is
BATCH = "x-ms-cosmos-is-batch-request"
REASONS = {
    408: "Request Timeout",
    410: "Gone",
    412: "Precondition Failed",
    429: "Too Many Requests",
    449: "Retry With",
    503: "Service Unavailable",
}


class Broken(Exception):  # noqa: N818 - what happened to the connection, not a mistake
    """The connection to the client ends here; `reset` says with which manners."""

    def __init__(self, *, reset: bool = False) -> None:
        """Close the connection, or reset it."""
        super().__init__()
        self.reset = reset


@dataclass(frozen=True)
class Request:
    """A request as the client sent it."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def item_id(self) -> str | None:
        """Return the id of the item it is about, None for a query or anything but items."""
        parts = [unquote(part) for part in self.target.strip("/").split("/")]
        if len(parts) == 6 and parts[4] == "docs":
            return parts[5]
        return json.loads(self.body)["id"] if self.kind == "create" else None

    @property
    def kind(self) -> str:
        """Name what is asked: read, create, batch, patch, replace, delete or query; "other" for anything but items."""
        parts = self.target.strip("/").split("/")
        if len(parts) < 5 or parts[4] != "docs":
            return "other"
        if self.method == "POST" and BATCH in self.headers:
            return "batch"
        if self.method == "POST":
            asks = "query" in self.headers.get("content-type", "") or QUERY_PLAN in self.headers
            return "query" if asks else "create"
        return {"GET": "read", "PATCH": "patch", "PUT": "replace", "DELETE": "delete"}[self.method]


@dataclass(frozen=True)
class Response:
    """An answer; its headers are sent as they are."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def wire(self) -> bytes:
        """Return the answer as bytes."""
        headers = {**self.headers, "content-length": str(len(self.body))}
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'OK')}", *(f"{k}: {v}" for k, v in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


@dataclass
class Exchange:
    """One request on its way and what may be done with it."""

    request: Request
    server: tuple[str, int]
    client: asyncio.StreamWriter

    async def forward(self) -> Response:
        """Have the server carry the request out, and return its answer without passing it on."""
        reader, writer = await asyncio.open_connection(*self.server)
        try:
            writer.write(_head(self.request) + self.request.body)
            start, headers, body = await _read_message(reader)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        return Response(int(start.split()[1]), headers, body)

    async def reply(self, response: Response) -> None:
        """Answer the client."""
        await self.send(response.wire())

    async def send(self, wire: bytes) -> None:
        """Send bytes to the client."""
        self.client.write(wire)
        await self.client.drain()


@dataclass
class Rule:
    """What to do with the requests it matches: the first `skip` pass, then `times` of them are met by `act`."""

    matches: Test
    act: Act
    times: int | None = 1
    skip: int = 0
    met: int = 0

    def takes(self, request: Request) -> bool:
        """Tell whether this request is one for the rule."""
        if self.met == self.times or not self.matches(request):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.met += 1
        return True


class Proxy:
    """Stands before a server; `requests` are those for items that arrived, oldest first; it counts `connections`."""

    def __init__(self, endpoint: str) -> None:
        """Forward to that server."""
        address = urlsplit(endpoint)
        self._server = (address.hostname or "", address.port or 80)
        self._listener: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None] | None] = set()  # asyncio forgets one whose client has gone
        self._port = 0
        self.rules: list[Rule] = []
        self.requests: list[Request] = []
        self.connections = 0

    @property
    def endpoint(self) -> str:
        """Return where the proxy listens."""
        return f"http://127.0.0.1:{self._port}"

    def on(self, matches: Test | str, act: Act, *, times: int | None = 1, skip: int = 0) -> Rule:
        """Add a rule for requests of that kind ("any": all of them), or that a test says yes to; the first one wins."""
        test = (lambda request: matches in {"any", request.kind}) if isinstance(matches, str) else matches
        rule = Rule(test, act, times, skip)
        self.rules.append(rule)
        return rule

    def calm(self) -> None:
        """Forget the rules and the requests."""
        self.rules.clear()
        self.requests.clear()

    async def start(self) -> None:
        """Listen: on a free port the first time, on the same one later."""
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no longer and reset what is connected."""
        if self._listener:
            await close_listener(self._listener)
        for client in list(self._clients):
            client.transport.abort()
        await asyncio.sleep(0)

    async def settle(self) -> None:
        """Return when nothing that has arrived is under way any more; for a proxy that has stopped."""
        while self._serving:
            await asyncio.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        self._serving.add(asyncio.current_task())
        self.connections += 1
        try:
            while True:
                start, headers, body = await _read_message(reader)
                method, target, _ = start.split(" ", 2)
                await self._handle(Exchange(Request(method, target, headers, body), self._server, writer))
        except Broken as broken:
            if broken.reset:
                writer.transport.abort()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client went away
        finally:
            self._clients.discard(writer)
            self._serving.discard(asyncio.current_task())
            writer.close()

    async def _handle(self, exchange: Exchange) -> None:
        request = exchange.request
        if request.kind != "other":
            self.requests.append(request)
        rule = next((rule for rule in self.rules if rule.takes(request)), None)
        await (rule.act if rule else passes)(exchange)


@asynccontextmanager
async def running_proxy(endpoint: str) -> AsyncIterator[Proxy]:
    """Run a proxy before a server."""
    proxy = Proxy(endpoint)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()


# What rules do


async def passes(exchange: Exchange) -> None:
    """Do nothing out of the ordinary."""
    await exchange.reply(await exchange.forward())


async def drops_answer(exchange: Exchange) -> None:
    """Have the request carried out, then close the connection."""
    await exchange.forward()
    raise Broken


async def halves_answer(exchange: Exchange) -> None:
    """Have the request carried out, send half of the answer and close the connection."""
    wire = (await exchange.forward()).wire()
    await exchange.send(wire[: len(wire) // 2])
    raise Broken


async def drops_request(exchange: Exchange) -> None:
    """Close the connection before the server hears of the request."""
    assert exchange
    raise Broken


async def resets(exchange: Exchange) -> None:
    """Reset the connection before the server hears of the request."""
    assert exchange
    raise Broken(reset=True)


async def hangs_up_on_answer(exchange: Exchange) -> None:
    """Have the request carried out, then reset the connection."""
    await exchange.forward()
    raise Broken(reset=True)


def answers(status: int, **headers: str) -> Act:
    """Answer in the server's place, which never hears of the request; `_` in a header's name stands for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps({"code": str(status), "message": "a rule of the proxy says so"}).encode()

    async def act(exchange: Exchange) -> None:
        await exchange.reply(Response(status, {"content-type": "application/json", **named}, body))

    return act


def carried_out_but_answers(status: int) -> Act:
    """Have the request carried out and answer with an error nevertheless, as a gateway does that lost its patience."""
    refuse = answers(status)

    async def act(exchange: Exchange) -> None:
        await exchange.forward()
        await refuse(exchange)

    return act


def delays(seconds: float, then: Act = passes) -> Act:
    """Wait, then go on."""

    async def act(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        await then(exchange)

    return act


def delays_answer(seconds: float) -> Act:
    """Have the request carried out at once, and answer late."""

    async def act(exchange: Exchange) -> None:
        response = await exchange.forward()
        await asyncio.sleep(seconds)
        await exchange.reply(response)

    return act


def _head(request: Request) -> bytes:
    lines = [f"{request.method} {request.target} HTTP/1.1", *(f"{k}: {v}" for k, v in request.headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


async def _read_message(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    return lines[0], headers, await reader.readexactly(int(headers.get("content-length", "0")))
