"""The boundary between the host and Parley: every request passes here, every error becomes a problem document."""

import asyncio
import logging
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

import azure.functions as func
from pydantic_core import to_json

from shared.errors import StoreUnavailableError
from shared.freshness import fresh_as
from shared.http.body import require_length
from shared.http.call import Answer, Call
from shared.http.endpoint import Endpoint, answer
from shared.http.line import Line
from shared.http.problems import INTERNAL, Problem, kind_of, problem, retry_after
from shared.http.streaming import Streamed, can_stream
from shared.interruptions import must_pass
from shared.logs import trace
from shared.service import ChatService
from shared.usage import Usage, measured

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

logger = logging.getLogger("parley.requests")

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
REQUEST_SECONDS = 25.0  # of work for one answer; whatever is broken off then is safe to send again
SESSION_TOKEN = "x-session-token"  # noqa: S105 - a header's name
EXPOSED = f"ETag, Location, Retry-After, x-request-id, x-request-charge, x-next-cursor, {SESSION_TOKEN}, x-left-out"


async def respond(request: func.HttpRequest, chat: ChatService, endpoint: Endpoint, *, route: str) -> func.HttpResponse:
    """Answer a request to a route with what the handler says, or with the problem document of what it raised."""
    started = time.perf_counter()
    call = Call(request, chat)
    call.request_id = _request_id(request)
    with measured(call.request_id) as usage, fresh_as(call.header(SESSION_TOKEN)) as freshness:
        try:
            require_length(request.get_body(), call.header("transfer-encoding"))
            answered = await _in_time(answer(endpoint, call), _seconds(endpoint, chat))
            response = await _response(call, answered, usage=usage, session_token=freshness.token)
        except BaseException as error:  # the one place where everything ends as a problem document
            if must_pass(error):
                raise
            answered = _problem_answer(error, call.request_id)
            response = await _response(call, answered, usage=usage, session_token=freshness.token)
    Line(route, call, usage, answered, started).write_when_sent(response)
    return response


def _seconds(endpoint: Endpoint, chat: ChatService) -> float:
    """Return how long an answer may take; a turn's time is counted by itself, and its steps at the store beside it."""
    waits = chat.settings.model.timeout_seconds if endpoint.waits_for_model else 0
    return REQUEST_SECONDS + waits


async def _in_time(answering: Awaitable[Answer[Any]], seconds: float) -> Answer[Any]:
    """Wait for an answer no longer than anybody may wait: many steps of a slow store add up."""
    try:
        async with asyncio.timeout(seconds):
            return await answering
    except TimeoutError as error:
        raise StoreUnavailableError from error


def _request_id(request: func.HttpRequest) -> str:
    sent = request.headers.get("x-request-id") or ""
    return sent if REQUEST_ID.fullmatch(sent) else secrets.token_hex(16)


def _problem_answer(error: BaseException, request_id: str) -> Answer[Problem]:
    if not isinstance(error, Exception):
        logger.error("request %s was broken off\n%s", request_id, trace(error))
        error = StoreUnavailableError()
    elif kind_of(error) is INTERNAL:
        logger.error("request %s failed\n%s", request_id, trace(error))
    return Answer(
        body=problem(error, request_id),
        status=kind_of(error).status,
        headers=retry_after(error),
        media_type="application/problem+json",
    )


async def _response(call: Call, answer: Answer[Any], *, usage: Usage, session_token: str | None) -> func.HttpResponse:
    headers = {
        "x-request-id": call.request_id,
        "x-request-charge": f"{usage.request_units:.2f}".rstrip("0").rstrip("."),
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
        "Access-Control-Expose-Headers": EXPOSED,
        **({SESSION_TOKEN: session_token} if session_token else {}),
        **answer.headers,
    }
    if isinstance(answer.body, AsyncIterator):
        if can_stream(call.request):
            return Streamed(answer.body, status_code=answer.status, headers=headers, mimetype=answer.media_type)
        async with aclosing(cast("AsyncGenerator[bytes]", answer.body)) as chunks:
            whole = b"".join([chunk async for chunk in chunks])  # where the host cannot stream, all comes together
        return func.HttpResponse(whole, status_code=answer.status, headers=headers, mimetype=answer.media_type)
    body = answer.body if answer.body is None or isinstance(answer.body, bytes) else to_json(answer.body)
    return func.HttpResponse(body, status_code=answer.status, headers=headers, mimetype=answer.media_type)
