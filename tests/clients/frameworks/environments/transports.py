"""Transports that count what goes over them, or lose answers."""

import hashlib
from dataclasses import dataclass, field

import httpx2


@dataclass
class Counts:
    """Requests, and the bytes of both ways."""

    requests: int = 0
    sent: int = 0
    received: int = 0
    units: float = 0

    def note(self, request: httpx2.Request, response: httpx2.Response) -> None:
        """Count a request; its charge, where Parley's store is Cosmos DB."""
        self.requests += 1
        self.sent += len(request.content)
        self.received += len(response.content)
        self.units += float(response.headers.get("x-request-charge", 0))

    def taken(self) -> "Counts":
        """Return the counts, and begin anew."""
        found = Counts(self.requests, self.sent, self.received, self.units)
        self.requests = self.sent = self.received = 0
        self.units = 0
        return found


class Counting(httpx2.HTTPTransport):
    """Counts what goes over it."""

    def __init__(self) -> None:
        super().__init__()
        self.counts = Counts()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        response = super().handle_request(request)
        response.read()
        self.counts.note(request, response)
        return response


class AsyncCounting(httpx2.AsyncHTTPTransport):
    """Counts what goes over it."""

    def __init__(self) -> None:
        super().__init__()
        self.counts = Counts()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        await response.aread()
        self.counts.note(request, response)
        return response


@dataclass
class _Lost:
    """Loses the first answer to each write, which has been carried out by then."""

    seen: set[str] = field(default_factory=set)

    def lose(self, request: httpx2.Request) -> None:
        said = f"{request.method} {request.url} ".encode() + request.content
        if request.method != "GET" and (digest := hashlib.sha256(said).hexdigest()) not in self.seen:
            self.seen.add(digest)
            raise httpx2.ReadError("the answer is lost")


class Losing(httpx2.HTTPTransport):
    """Loses the first answer to each write."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = _Lost()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        response = super().handle_request(request)
        response.read()
        self.lost.lose(request)
        return response


class AsyncLosing(httpx2.AsyncHTTPTransport):
    """Loses the first answer to each write."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = _Lost()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        await response.aread()
        self.lost.lose(request)
        return response
