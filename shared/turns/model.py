"""The client of an OpenAI-compatible endpoint; what was said, the model's words and the key never reach a log."""

import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from shared.errors import (
    ContentFilteredError,
    ModelError,
    ModelFailedError,
    ModelThrottledError,
    ModelTimeoutError,
    PromptTooLongError,
)
from shared.model_settings import ModelSettings
from shared.models import JsonObject
from shared.turns.chunks import Assembly, Ended, is_filtered, is_too_long

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 10
FIRST_EVENT_SECONDS = 60
BETWEEN_EVENTS_SECONDS = 30
LAST_EVENTS_SECONDS = 5  # for the count of tokens, which comes after the reply's end or never
TRIES = 3
MAX_WAIT_SECONDS = 10  # for another try; an endpoint that asks for more, or for more than the turn has left, is busy
MAX_EVENT_BYTES = 2 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024
DONE = b"[DONE]"
AGAIN = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


class Model:
    """Streams replies; connects, and imports what that takes, at the first of them."""

    def __init__(self, settings: ModelSettings) -> None:
        """Ask the endpoint of these settings."""
        self._settings = settings
        self._session: ClientSession | None = None
        self._credential: Any = None

    async def stream(self, asked: JsonObject) -> AsyncGenerator[str | Ended, None]:
        """Yield the reply's text as it comes, and last how it ended.

        Raises ModelError; PromptTooLongError among them where the endpoint says so, before anything came.
        """
        assembly = Assembly()
        try:
            async with self._answer(asked) as events:
                seconds: float = FIRST_EVENT_SECONDS
                while (data := await _next(events, seconds)) is not None:
                    text = assembly.add(data)
                    if text:
                        yield text
                    seconds = LAST_EVENTS_SECONDS if assembly.finish_reason else BETWEEN_EVENTS_SECONDS
        except (ModelFailedError, ModelTimeoutError):
            if not assembly.finish_reason:  # else all that is missing is the count of tokens
                raise
        yield assembly.ended()

    async def close(self) -> None:
        """Let go of connections."""
        for each in (self._session, self._credential):
            if each is not None:
                await each.close()
        self._session = self._credential = None

    @asynccontextmanager
    async def _answer(self, asked: JsonObject) -> AsyncIterator[AsyncIterator[bytes]]:
        """Ask, up to three times while nothing has come, and give the events of the answer."""
        import aiohttp  # noqa: PLC0415 - most requests want no model, and SQLite no HTTP client

        try:
            async with asyncio.timeout(FIRST_EVENT_SECONDS):
                response = await self._opened(asked)
            async with response:
                yield _events(response)
        except TimeoutError as error:
            raise ModelTimeoutError from error
        except aiohttp.ClientError as error:
            logger.warning("the model cannot be read: %s", type(error).__name__)
            raise ModelFailedError from error

    async def _opened(self, asked: JsonObject) -> "ClientResponse":
        from aiohttp import ClientConnectorError  # noqa: PLC0415 - as above

        body = json.dumps(asked).encode()
        ends = time.monotonic() + self._settings.timeout_seconds
        for tried in range(1, TRIES + 1):
            try:
                response = await self._client().post(
                    f"{self._settings.endpoint}/chat/completions",
                    data=body,
                    headers=await self._headers(),
                    allow_redirects=False,  # what was said goes nowhere but to the endpoint that is set
                )
            except ClientConnectorError:
                if tried == TRIES:
                    raise
                await asyncio.sleep(_pause(tried))
                continue
            if response.status == HTTPStatus.OK:
                return response
            async with response:
                error = await _error(response)
            wait = _asked_wait(response) or _pause(tried)
            if response.status not in AGAIN or tried == TRIES or wait > min(MAX_WAIT_SECONDS, ends - time.monotonic()):
                raise error
            await asyncio.sleep(wait)
        raise AssertionError

    def _client(self) -> "ClientSession":
        if self._session is None:
            from aiohttp import ClientSession, ClientTimeout, TCPConnector  # noqa: PLC0415 - as above

            timeout = ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
            # A connection that was kept may be closed by the server just when it is used again, and whether the
            # question arrived is not known then: it is not worth what setting up another takes beside a reply.
            connector = TCPConnector(limit=self._settings.concurrency + 1, force_close=True)
            self._session = ClientSession(timeout=timeout, connector=connector)
        return self._session

    async def _headers(self) -> dict[str, str]:
        bearer = self._settings.key or await self._token()
        return {"content-type": "application/json", **({"authorization": f"Bearer {bearer}"} if bearer else {})}

    async def _token(self) -> str | None:
        """Return a token of the app's managed identity, where a scope says for what; azure.identity keeps it."""
        if self._settings.token_scope is None:
            return None
        from azure.core.exceptions import AzureError  # noqa: PLC0415 - with azure.identity

        if self._credential is None:
            from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415 - costs more than azure.cosmos

            self._credential = DefaultAzureCredential()
        try:
            return str((await self._credential.get_token(self._settings.token_scope)).token)
        except AzureError as error:
            logger.error("no token for the model: %s", type(error).__name__)  # noqa: TRY400 - its text may hold one
            raise ModelFailedError from error


async def _events(response: "ClientResponse") -> AsyncIterator[bytes]:
    """Yield the data of each server-sent event up to `[DONE]` or the end."""
    rest = b""
    async for piece in response.content.iter_any():
        *lines, rest = (rest + piece).split(b"\n")
        for data in map(_data_in, lines):
            if data == DONE:
                return
            if data:
                yield data
        if len(rest) > MAX_EVENT_BYTES:
            raise ModelFailedError
    if (data := _data_in(rest)) and data != DONE:
        yield data


def _data_in(line: bytes) -> bytes:
    return line.removeprefix(b"data:").strip() if line.startswith(b"data:") else b""


async def _next(events: AsyncIterator[bytes], seconds: float) -> bytes | None:
    """Return the next event, None at the end; raises ModelTimeoutError."""
    try:
        async with asyncio.timeout(seconds):
            return await anext(events, None)
    except TimeoutError as error:
        raise ModelTimeoutError from error


async def _error(response: "ClientResponse") -> ModelError:
    """Return what an answer without a reply means; its text is looked at and goes nowhere."""
    status = response.status
    try:
        answer = json.loads(await response.content.read(MAX_ERROR_BYTES))
    except ValueError:
        answer = {}
    answer = answer if isinstance(answer, dict) else {}
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return ModelThrottledError(_asked_wait(response) or 2)
    if is_filtered(answer):
        return ContentFilteredError()
    if status < HTTPStatus.INTERNAL_SERVER_ERROR and is_too_long(answer):
        return PromptTooLongError()
    is_misplaced = status in REFUSED or status < HTTPStatus.BAD_REQUEST
    level = logging.ERROR if is_misplaced else logging.WARNING
    logger.log(level, "the model answers %s", status)
    return ModelTimeoutError() if status in {408, 504} else ModelFailedError()


def _asked_wait(response: "ClientResponse") -> int:
    """Return how many seconds the endpoint asks to wait; 0 where it does not say so in seconds."""
    asked = response.headers.get("Retry-After", "")
    return min(int(asked), 3600) if asked.isascii() and asked.isdigit() else 0


def _pause(tried: int) -> float:
    return random.uniform(0.1, 0.3) * float(2**tried)  # noqa: S311 - jitter
