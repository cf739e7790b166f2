"""One client's requests: repeated until answered for good, timed, and every answer that nobody should get noted."""

import asyncio
import random
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import aiohttp

from tests.chaos.history import Kind, Violation
from tests.http.client import NO_BODY, PROBLEM, Answer, Client

PATIENCE_SECONDS = 30.0  # no request may take longer, whatever happens behind it
ASKING_SECONDS = 20.0  # with repeats, in weather that is only bad now and then
AGAIN = {429, 503}
TOKEN = "x-session-token"


class NoAnswerError(Exception):
    """No try was answered for good; the client stops asking."""


@dataclass
class Talk:
    """What all clients of a run have in common: where the API is, and what came of their requests."""

    api: Client
    requests: int = 0
    repeated: int = 0
    longest_seconds: float = 0.0
    broken: int = 0
    may_break: Callable[[], int] = lambda: 0  # how many connections have been broken on purpose by now
    violations: list[Violation] = field(default_factory=list)

    def note(self, kind: Kind, detail: str) -> None:
        """Record a broken promise that belongs to no session's history."""
        self.violations.append(Violation(kind, detail))

    def break_off(self, detail: str) -> None:
        """Record that a connection broke in a client's hand: a broken promise, unless that many were cut on purpose."""
        self.broken += 1
        if self.broken > self.may_break():
            self.note("answer", detail)


class Requests:
    """Asks as one client, whose patience its seed decides."""

    def __init__(
        self, talk: Talk, seed: random.Random, *, hands_on: bool = False, seconds: float = ASKING_SECONDS
    ) -> None:
        """Ask through this API, for so long; who hands tokens on sends the newest answer's with the next request."""
        self._talk, self._seed, self._seconds = talk, seed, seconds
        self._hands_on = hands_on
        self._headers: dict[str, str] = {}

    async def ask(
        self,
        method: str,
        path: str,
        body: object = NO_BODY,
        *,
        good: Collection[int] = (200,),
        when_repeated: Collection[int] = (),
        once: bool = False,
        hurried: bool = False,
    ) -> Answer:
        """Return the first answer that settles the request; raises NoAnswerError when none does.

        `good` are the statuses it may have, `when_repeated` those that only a second try may have, because the
        first one may have been carried out. A hurried client hangs up early now and then, and asks again.
        """
        allowed, got, began = set(good), list[object](), time.monotonic()
        while time.monotonic() - began < self._seconds:
            answer = await self._try(method, path, body, hurried=hurried)
            if answer is not None and answer.status not in AGAIN:
                if answer.status not in allowed:
                    self._talk.note("answer", f"{method} {path} after {got}: {answer.status} {answer.body[:300]!r}")
                    raise NoAnswerError
                return answer
            if once:
                raise NoAnswerError
            got.append(answer and answer.status)
            self._talk.repeated += 1
            allowed |= set(when_repeated)
            await asyncio.sleep(self._seed.uniform(0, min(0.01 * 2 ** len(got), 0.5)))
        self._talk.note("answer", f"{method} {path}: nothing but {got} in {self._seconds} s")
        raise NoAnswerError

    async def _try(self, method: str, path: str, body: object, *, hurried: bool) -> Answer | None:
        patience = self._seed.uniform(0.05, 0.5) if hurried and self._seed.random() < 0.15 else PATIENCE_SECONDS
        started = time.monotonic()
        self._talk.requests += 1
        try:
            async with asyncio.timeout(patience):
                answer = await self._talk.api.send(method, path, body, self._headers)
        except TimeoutError:
            answer = None
        except aiohttp.ClientError as error:
            self._talk.break_off(f"{method} {path}: {error!r}")
            answer = None
        if answer is not None and self._hands_on and TOKEN in answer.headers:
            self._headers = {TOKEN: answer.headers[TOKEN]}
        seconds = time.monotonic() - started
        self._talk.longest_seconds = max(self._talk.longest_seconds, seconds)
        if answer is None and seconds >= PATIENCE_SECONDS:
            self._talk.note("slow", f"{method} {path}: no answer in {seconds:.1f} s")
        if answer is not None and answer.status in AGAIN:
            self._check_problem(answer)
        return answer

    def _check_problem(self, answer: Answer) -> None:
        headers: Mapping[str, str] = answer.headers
        if headers.get("content-type") != PROBLEM or not headers.get("retry-after", "").isdigit():
            self._talk.note(
                "answer", f"{answer.status} without a problem document or Retry-After: {answer.body[:300]!r}"
            )
