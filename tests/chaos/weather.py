"""Faults at random: what the network between a store and its server does to one request in twenty, from a seed."""

import asyncio
import random
from collections import Counter
from collections.abc import Hashable, Mapping

from tests.cosmos.proxy import (
    Act,
    Broken,
    Exchange,
    Request,
    Test,
    answers,
    carried_out_but_answers,
    delays,
    delays_answer,
    drops_answer,
    drops_request,
    halves_answer,
    hangs_up_on_answer,
    passes,
    resets,
)

STUBBORN_REQUESTS = range(2, 9)
SQUALL_REQUESTS = range(4, 25)
SQUALL_RATE = 0.7  # of the requests in it meet a fault, enough to outlast retries
LANDS_LATE = "lands late"


def hangs(seconds: float) -> Act:
    """Have the client wait in vain, then close the connection; the server never hears of the request."""

    async def act(_exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        raise Broken

    return act


async def never_answers(exchange: Exchange) -> None:
    """Have the client wait until it hangs up or the proxy ends."""
    while not exchange.client.is_closing():
        await asyncio.sleep(0.05)
    raise Broken


def trickles(seconds: float) -> Act:
    """Have the request carried out and send the answer byte by byte, each after so many seconds."""

    async def act(exchange: Exchange) -> None:
        for byte in (await exchange.forward()).wire():
            await exchange.send(bytes([byte]))
            await asyncio.sleep(seconds)

    return act


def faults(timeout_seconds: float) -> Mapping[str, Act]:
    """Return all that may happen to a request whose sender waits so long for an answer, by name."""
    return {
        "answer dropped": drops_answer,
        "answer reset": hangs_up_on_answer,
        "answer halved": halves_answer,
        "answer too late": delays_answer(timeout_seconds * 1.3),
        "carried out, 408": carried_out_but_answers(408),
        "carried out, 503": carried_out_but_answers(503),
        "request dropped": drops_request,
        "request reset": resets,
        "request hangs": hangs(timeout_seconds * 1.3),
        "slow": delays(timeout_seconds * 0.3),
        LANDS_LATE: delays(timeout_seconds * 1.3),
        "429": answers(429, x_ms_retry_after_ms="20"),
        "503": answers(503),
        "449": answers(449),
        "410": answers(410),
    }


class Weather:
    """Lets requests pass but for a share of them: a third of it strikes once, the rest again and again.

    A stubborn fault strikes a request's repetitions too, so that all tries of a write fail; a squall strikes most
    requests of everybody for a while.
    A request that reaches the server only after its sender has given it up is a fault of its own, `LANDS_LATE`:
    a document that is created so late may have been deleted since. `may_land_late` says which requests may.
    """

    def __init__(self, seed: int, rate: float, *, timeout_seconds: float, may_land_late: Test = lambda _: True) -> None:
        """Draw from this seed; `rate` is the share of requests that meet a fault."""
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._faults = faults(timeout_seconds)
        self._rate = rate
        self._may_land_late = may_land_late
        self._stubborn: Counter[Hashable] = Counter()
        self._squall = 0
        self._under_way = 0
        self.requests = 0
        self.met: Counter[str] = Counter()

    async def act(self, exchange: Exchange) -> None:
        """Do to this exchange what the weather has for it; a rule for any request."""
        self.requests += 1
        if not self._strikes(exchange.request):
            await passes(exchange)
            return
        name = self._random.choice(list(self._faults))
        if name == LANDS_LATE and not self._may_land_late(exchange.request):
            name = "slow"
        self.met[name] += 1
        self._under_way += 1
        try:
            await self._faults[name](exchange)
        finally:
            self._under_way -= 1

    async def settle(self) -> None:
        """Make it calm for good, and return when nothing is under way that could still land."""
        self._rate = self._squall = 0
        self._stubborn.clear()
        while self._under_way:
            await asyncio.sleep(0.01)

    def _strikes(self, request: Request) -> bool:
        self._worsen(request)
        again = _same_again(request)
        if self._stubborn[again]:
            self._stubborn[again] -= 1
            return True
        if self._squall:
            self._squall -= 1
            return self._random.random() < SQUALL_RATE
        return self._random.random() < self._rate / 3

    def _worsen(self, request: Request) -> None:
        """Begin a stubborn fault or a squall now and then, each seldom enough to make a third of the rate."""
        if self._random.random() < self._rate / 3 / _mean(STUBBORN_REQUESTS):
            self._stubborn[_same_again(request)] = self._random.choice(STUBBORN_REQUESTS)
        if self._random.random() < self._rate / 3 / _mean(SQUALL_REQUESTS) / SQUALL_RATE:
            self._squall = self._random.choice(SQUALL_REQUESTS)


def _same_again(request: Request) -> Hashable:
    """Return what a request has in common with its repetition; one that creates a session differs in its epoch."""
    return request.kind, request.item_id or request.target, request.body if request.kind == "patch" else b""


def _mean(numbers: range) -> float:
    return (numbers[0] + numbers[-1]) / 2
