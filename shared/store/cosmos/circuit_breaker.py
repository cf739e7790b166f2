"""A circuit breaker: a service that answers nothing is noticed once, so that not every request waits for it in vain."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
from http import HTTPStatus
from time import monotonic
from typing import Any

from azure.core.exceptions import ServiceRequestTimeoutError, ServiceResponseTimeoutError
from azure.core.pipeline.transport import AioHttpTransport
from azure.cosmos.exceptions import CosmosClientTimeoutError

from shared.store.cosmos.limits import Limits
from shared.usage import in_hand

CONNECTIONS = 100  # aiohttp opens no more; waiting for one happens here, before anything is sent in vain
KEEP_ALIVE_SECONDS = 120  # of an idle connection; load balancers of Azure forget one after four minutes (decision 14)


Observe = Callable[[Any], AbstractContextManager[Callable[[Any], object]]]  # of a request; called with its answer


def unobserved(_request: object) -> AbstractContextManager[Callable[[object], object]]:
    """Trace nothing."""
    return nullcontext(lambda _response: None)


class UnresponsiveError(CosmosClientTimeoutError, TimeoutError):
    """The service answers nothing at all; neither the SDK nor the adapter tries this again."""


class CircuitBreaker:
    """What is known of the service's silence, for all requests of a process.

    It opens when a request has waited for its whole timeout and no other was answered meanwhile; a service that is
    slow, or slow for some, never opens it. Then nothing is sent for a moment, unless it was a query that waited, which
    may be slow by itself; after that one request at a time, the probe, finds out whether the service is back, and the
    others wait a little for what it finds.
    """

    def __init__(self, limits: Limits) -> None:
        """Begin closed: nothing bad is known."""
        self._limits = limits
        self._open = False
        self._open_until = float("-inf")
        self._answered_at = float("-inf")
        self._probe: asyncio.Event | None = None
        self.connections = asyncio.Semaphore(CONNECTIONS)

    @asynccontextmanager
    async def guard(self, *, by_query: bool) -> AsyncIterator[None]:
        """Send a request in this context, and it will be noticed whether it is answered; raises UnresponsiveError."""
        probe = await self._admit()
        asked_at = monotonic()
        try:
            yield
        except (ServiceRequestTimeoutError, ServiceResponseTimeoutError) as error:
            if self._answered_at >= asked_at:
                raise
            self._open = True
            self._open_until = monotonic() + (0 if by_query else self._limits.open_seconds)
            raise UnresponsiveError from error
        except Exception:
            self._open = False  # a connection that is refused or broken costs nobody any time
            raise
        else:
            self._open, self._answered_at = False, monotonic()
        finally:
            if probe is not None:
                self._probe = None
                probe.set()

    async def _admit(self) -> asyncio.Event | None:
        """Return at once while closed; while open return the probe that the caller now is, or refuse."""
        if not self._open:
            return None
        if monotonic() < self._open_until:
            raise UnresponsiveError
        if self._probe is None:
            self._probe = asyncio.Event()
            return self._probe
        if not await self._is_back(self._probe):
            raise UnresponsiveError
        return None

    async def _is_back(self, probe: asyncio.Event) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.probe_wait_seconds):
                await probe.wait()
        return not self._open


class Transport(AioHttpTransport):  # type: ignore[misc]  # azure.core loads it lazily, untyped
    """The SDK's own way to the service, through a circuit breaker."""

    def __init__(
        self,
        circuit_breaker: CircuitBreaker,
        observe: Observe = unobserved,
        **options: Any,  # noqa: ANN401 - the SDK's
    ) -> None:
        """Use a circuit breaker, which outlives clients that failed to open, and trace requests."""
        super().__init__(**options)
        self._observe = observe
        self._circuit_breaker = circuit_breaker
        self._use_env_settings = options.get("use_env_settings", True)
        self._opened = False

    async def open(self) -> None:
        """Open a session as the SDK does, but one that keeps idle connections, and sends nothing twice by itself."""
        if not self._opened:
            self._opened = True
            self.session = self._keeping_session()
        await super().open()

    def _keeping_session(self) -> Any:  # noqa: ANN401 - aiohttp's
        from aiohttp import ClientSession, DummyCookieJar, TCPConnector  # noqa: PLC0415 - with the first client

        session = ClientSession(
            connector=TCPConnector(limit=CONNECTIONS, keepalive_timeout=KEEP_ALIVE_SECONDS),
            trust_env=self._use_env_settings,
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
        )
        # Left to itself aiohttp sends a PUT or DELETE whose answer was lost again, unseen, and the adapter takes the
        # refusal of the second for that of the first. There is no public way to say so; a test holds it.
        session._retry_connection = False  # noqa: SLF001
        return session

    async def send(self, request: Any, **config: Any) -> Any:  # noqa: ANN401 - the SDK's
        """Send a request and return its answer; raises UnresponsiveError beside the SDK's errors."""
        by_query = "query" in request.headers.get("Content-Type", "")
        async with self._circuit_breaker.connections, self._circuit_breaker.guard(by_query=by_query):
            with self._observe(request) as answered:
                response = await super().send(request, **config)
                answered(response)
        in_hand().throttled += response.status_code == HTTPStatus.TOO_MANY_REQUESTS  # the SDK may wait and go on
        return response
