"""A service that has gone silent: noticed once, so that not everybody waits for it in vain."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Any

from azure.core.exceptions import ServiceRequestTimeoutError, ServiceResponseTimeoutError
from azure.core.pipeline.transport import AioHttpTransport
from azure.cosmos.exceptions import CosmosClientTimeoutError

CONNECTIONS = 100  # aiohttp opens no more; waiting for one happens here, before anything is sent into a silence
REST_SECONDS = 1.0  # after it was found silent, in which it is not asked again
PATIENCE_SECONDS = 1.0  # to wait for another request to find out whether it is back


class SilentError(CosmosClientTimeoutError, TimeoutError):
    """The service answers nothing at all; neither the SDK nor the adapter tries this again."""


class Silence:
    """What is known about the service's silence, for all requests of a process.

    It is silent when a request has waited for its whole timeout and no other was answered meanwhile; a service that
    is slow, or slow for some, never is. Then it is left alone for a moment, unless it was a query that waited, which
    may be slow by itself; after that one request at a time is sent to find out whether it is back, and the others wait
    a little for what that finds.
    """

    def __init__(self) -> None:
        """Begin with a service of which nothing bad is known."""
        self._silent = False
        self._rest_until = float("-inf")
        self._answered_at = float("-inf")
        self._trial: asyncio.Event | None = None
        self.connections = asyncio.Semaphore(CONNECTIONS)

    @asynccontextmanager
    async def broken(self, *, by_query: bool) -> AsyncIterator[None]:
        """Send a request in this context, and it will be noticed whether it is answered; raises SilentError."""
        trial = await self._admit()
        asked_at = monotonic()
        try:
            yield
        except (ServiceRequestTimeoutError, ServiceResponseTimeoutError) as error:
            if self._answered_at >= asked_at:
                raise
            self._silent = True
            self._rest_until = monotonic() + (0 if by_query else REST_SECONDS)
            raise SilentError from error
        except Exception:
            self._silent = False  # a connection that is refused or broken costs nobody any time
            raise
        else:
            self._silent, self._answered_at = False, monotonic()
        finally:
            if trial is not None:
                self._trial = None
                trial.set()

    async def _admit(self) -> asyncio.Event | None:
        """Return at once while nothing is wrong; in a silence return the trial that the caller now is, or refuse."""
        if not self._silent:
            return None
        if monotonic() < self._rest_until:
            raise SilentError
        if self._trial is None:
            self._trial = asyncio.Event()
            return self._trial
        if not await self._is_back(self._trial):
            raise SilentError
        return None

    async def _is_back(self, trial: asyncio.Event) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await trial.wait()
        return not self._silent


class Transport(AioHttpTransport):  # type: ignore[misc]  # azure.core loads it lazily, untyped
    """The SDK's own way to the service, which takes note of its silence."""

    def __init__(self, silence: Silence, **options: Any) -> None:  # noqa: ANN401 - the SDK's
        """Keep what is noticed in `silence`, which outlives clients that failed to open."""
        super().__init__(**options)
        self._silence = silence

    async def send(self, request: Any, **config: Any) -> Any:  # noqa: ANN401 - the SDK's
        """Send a request and return its answer; raises SilentError beside the SDK's errors."""
        by_query = "query" in request.headers.get("Content-Type", "")
        async with self._silence.connections, self._silence.broken(by_query=by_query):
            return await super().send(request, **config)
