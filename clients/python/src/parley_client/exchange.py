"""How a request is sent, repeated and understood: a generator that both clients drive, each with its own I/O."""

import json
import random
import time
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from typing import Any, Final, Generic, NamedTuple, TypeVar

import httpx2

from parley_client.calls import Call, Found
from parley_client.errors import ParleyError, UnavailableError

BUSY: Final = frozenset({429, 502, 503, 504})  # from Parley, or from what stands before it
UNDONE: Final = frozenset({429, 503})  # Parley's word that nothing was done, or was half done
FIRST_PAUSE_SECONDS: Final = 0.25
MODELS_FAULT: Final = frozenset({"model_failed", "model_timeout"})  # the caller decides whether to pay once more
TIMEOUT_SECONDS: Final = 10.0  # for one part of one answer; Patience bounds the whole
LOST: Final = (httpx2.TransportError, httpx2.DecodingError)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client tries: at most so many times, and so many seconds for one request with its pauses.

    A server's Retry-After is honoured; one that asks for more than the longest pause, or than is left, ends the trying.
    What a stream that had no answer was waited for does not count: a model may be slow.
    """

    tries: int = 5
    seconds: float = 30.0
    longest_pause_seconds: float = 10.0

    def pause(self, tried: int, asked_seconds: float | None) -> float | None:
        """Return how long to wait before the next try, None when there is none."""
        if tried >= self.tries:
            return None
        grown: float = FIRST_PAUSE_SECONDS * 2 ** (tried - 1)
        own = min(grown, self.longest_pause_seconds) * random.uniform(0.5, 1)  # noqa: S311 - spreads clients
        wanted = max(asked_seconds or 0.0, own)
        return wanted if wanted <= self.longest_pause_seconds else None


@dataclass(frozen=True, slots=True)
class Send:
    """A step: send the request, wait this long for each part of the answer; an answer or what went wrong comes back."""

    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class Wait:
    """A step: let this time pass."""

    seconds: float


Step = Send | Wait
Outcome = httpx2.Response | Exception | None
Exchange = Generator[Step, Outcome, httpx2.Response]
Result = TypeVar("Result")
Steps = Generator[Call[Any], Any, Result]  # calls, what was found or went wrong for each, and what came of it


def exchange(call: Call[Any], patience: Patience) -> Exchange:
    """Yield what to do until there is an answer; ParleyError for a refusal, UnavailableError when it gives up."""
    deadline = time.monotonic() + patience.seconds
    for tried in count(1):
        outcome = yield Send(max(deadline - time.monotonic(), 0.05))
        if isinstance(outcome, httpx2.Response) and outcome.status_code not in BUSY:
            return _accepted(call, outcome, repeated=tried > 1)
        error = _unavailable(outcome)
        pause = patience.pause(tried, error.retry_after_seconds)
        if error.code in MODELS_FAULT or (not call.repeatable and error.status not in UNDONE):
            pause = None
        if call.silence_seconds and isinstance(outcome, httpx2.ReadTimeout):
            deadline += call.silence_seconds
        if pause is None or time.monotonic() + pause >= deadline:
            raise error from (outcome if isinstance(outcome, Exception) else None)
        yield Wait(pause)
    raise AssertionError  # count() does not end


def timeout_of(call: Call[Any], seconds: float) -> httpx2.Timeout:
    """Return how long each part of one try may take, of which `seconds` are left."""
    short = min(seconds, TIMEOUT_SECONDS)
    return httpx2.Timeout(short, read=call.silence_seconds or short)


def _accepted(call: Call[Any], response: httpx2.Response, *, repeated: bool) -> httpx2.Response:
    gone = response.status_code == httpx2.codes.NOT_FOUND and _problem(response).get("code") is not None
    if response.is_success or (call.gone_is_done and repeated and gone):
        return response
    refusal = _refusal(response)
    refusal.repeated = repeated
    raise refusal


def found_in(response: httpx2.Response) -> Any:  # noqa: ANN401 - the call says what it is
    """Return what an answer holds, its `etag` in it; ParleyError when it is not Parley's."""
    if response.status_code == httpx2.codes.NO_CONTENT or not response.is_success:
        return None
    found = _value(response)
    if isinstance(found, list):
        found = {"messages": found, "left_out": int(response.headers.get("x-left-out", 0))}
    if not isinstance(found, dict):
        raise unreadable(response)
    etag = response.headers.get("etag")
    return {**found, "etag": etag} if etag else found


class PageOf(NamedTuple, Generic[Found]):
    """A page, and the call for the one after it."""

    items: list[Found]
    following: Call[Found] | None


def page_of(call: Call[Found], response: httpx2.Response) -> PageOf[Found]:
    """Return the page that an answer is; ParleyError when it is none."""
    page = _object(response)
    if page is None or not page.keys() >= {"data", "has_more", "next_cursor"}:
        raise unreadable(response)
    return PageOf(page["data"], call.behind(page["next_cursor"]) if page["has_more"] else None)


def unreadable(response: httpx2.Response) -> ParleyError:
    """Return that an answer is not Parley's."""
    return ParleyError("The answer cannot be read: is this Parley's address?", status=response.status_code)


def lines_of(response: httpx2.Response) -> list[Any]:
    """Return the values of an answer that holds one in each line."""
    return [json.loads(line) for line in response.content.split(b"\n") if line]


def _value(response: httpx2.Response) -> object:
    try:
        return json.loads(response.content)
    except ValueError:
        return None


def _object(response: httpx2.Response) -> dict[str, Any] | None:
    found = _value(response)
    return found if isinstance(found, dict) else None


def _problem(response: httpx2.Response) -> dict[str, Any]:
    return _object(response) or {}


def _facts(response: httpx2.Response) -> dict[str, Any]:
    problem = _problem(response)
    return {
        "status": response.status_code,
        "code": problem.get("code"),
        "request_id": problem.get("request_id") or response.headers.get("x-request-id"),
        "problem": problem,
    }


def _refusal(response: httpx2.Response) -> ParleyError:
    said = _problem(response).get("detail")
    return ParleyError(said or f"answered with status {response.status_code}", **_facts(response))


def error_told(problem: dict[str, Any]) -> ParleyError:
    """Return the error that a problem document in a stream tells of."""
    kind = UnavailableError if problem["status"] in BUSY else ParleyError
    facts = {name: problem.get(name) for name in ("status", "code", "request_id")}
    return kind(problem["detail"], **facts, problem=problem)


def _unavailable(outcome: Outcome) -> UnavailableError:
    if not isinstance(outcome, httpx2.Response):
        return UnavailableError(f"no answer: {outcome!r}")
    said = _problem(outcome).get("detail")
    error = UnavailableError(said or f"answered with status {outcome.status_code}", **_facts(outcome))
    error.retry_after_seconds = retry_after(outcome.headers.get("retry-after"), datetime.now(UTC))
    return error


def retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for, as a number or as a date; None for anything else."""
    if value is None:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((aware - now).total_seconds(), 0.0)
