"""One run: sixteen clients, an archival timer and bad weather for a few seconds, then the reckoning."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from shared import archival
from shared.errors import StoreError
from shared.models import utc_now
from tests.chaos.clients import SESSIONS, Client, Place, Sight
from tests.chaos.documents import misfits
from tests.chaos.history import Contents, History, Violation
from tests.chaos.requests import NoAnswerError, Requests, Talk
from tests.chaos.stage import HURRIED, Stage, staged
from tests.chaos.weather import Weather
from tests.cosmos.proxy import Request
from tests.cosmos_server.launch import CosmosServer

SHARED_SESSIONS = 2
MAINTENANCE_TRIES = 20  # tries
LAG_MS = 300
DEEDS = 14  # of each client
IDLE = timedelta(seconds=0.1)  # what the timer takes for idle: own sessions often, shared ones now and then


@dataclass(frozen=True)
class Plan:
    """What a run is like; the same seed makes the same choices, though the clock decides who comes first.

    Several instances read from replicas that lag.
    """

    seed: int
    clients: int = 16
    rate: float = 0.05
    instances: int = 1


@dataclass
class Report:
    """What one run, or several, came to."""

    seeds: int = 0
    requests: int = 0
    repeated: int = 0
    store_requests: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    messages_acknowledged: int = 0
    appends_acknowledged: int = 0
    archived: int = 0
    pages: int = 0
    turns: int = 0
    replies: int = 0
    askings: int = 0
    longest_seconds: float = 0.0
    violations: list[tuple[int, Violation]] = field(default_factory=list)

    def add(self, other: "Report") -> None:
        """Add what another run came to."""
        for name, value in vars(other).items():
            mine = getattr(self, name)
            setattr(self, name, max(mine, value) if name == "longest_seconds" else mine + value)

    def count(self, *kinds: str) -> int:
        """Count the violations of these kinds."""
        return sum(violation.kind in kinds for _, violation in self.violations)


async def run(server: CosmosServer, plan: Plan) -> Report:
    """Run one seed on a server that nobody else uses, and report."""
    server.reset()
    async with staged(server, plan.instances, plan.seed, limits=HURRIED) as stage:
        return await _Run(stage, plan).go()


class _Run:
    def __init__(self, stage: Stage, plan: Plan) -> None:
        seed = random.Random(plan.seed)  # noqa: S311 - repeatable, not secret
        self._stage, self._plan, self._seed = stage, plan, seed
        self._talk = Talk(stage.api)
        self._shared = [Place(f"shared-{number}") for number in range(SHARED_SESSIONS)]
        self._clients = [
            Client(f"c{number}", self._talk, self._shared, random.Random(seed.random()), self._sight(number))  # noqa: S311 - as above
            for number in range(plan.clients)
        ]
        self._requests = Requests(self._talk, seed)
        self._weather = Weather(
            plan.seed, plan.rate, timeout_seconds=HURRIED.read_seconds, may_land_late=_may_land_late
        )
        self._report = Report(seeds=1)

    def _sight(self, number: int) -> Sight:
        """Say what a client may be shown; on many instances every other one hands its session tokens on."""
        if self._plan.instances == 1:
            return "newest"
        return "own" if number % 2 else "any"

    async def go(self) -> Report:
        for place in self._shared:
            place.begin()
            await self._requests.ask("POST", SESSIONS, {"id": place.session_id}, good=(201,))
        if self._plan.instances > 1:
            lag(self._stage.server, self._plan.seed, self._seed)
        self._stage.instances.expose(self._weather.act)
        sweeps = asyncio.create_task(self._archive_for_ever())
        await asyncio.gather(*(client.work(DEEDS) for client in self._clients))
        sweeps.cancel()
        with suppress(asyncio.CancelledError):
            await sweeps
        await self._weather.settle()
        await self._stage.under_way.settle()
        self._stage.server.lag(0)
        await self._reckon()
        return self._report

    async def _archive_for_ever(self) -> None:
        """Do what the timer does, all the time."""
        plan = archival.Plan(idle_seconds=0, batch_size=10, concurrency=4, budget_seconds=2)
        while True:
            with suppress(StoreError):
                store = self._stage.stores[self._report.archived % len(self._stage.stores)]
                report = await archival.run(store, plan, now=utc_now() - IDLE)
                self._report.archived += report.archived
            await asyncio.sleep(0.2)

    async def _reckon(self) -> None:
        await maintain(self._stage, self._talk)
        violations: list[Violation] = []
        for place in [*self._shared, *(client.own for client in self._clients)]:
            violations += await self._reckon_place(place)
        documents = self._stage.documents
        report, talk = self._report, self._talk
        violations += [*misfits(documents), *talk.violations]
        report.pages = sum(document["type"] == "page" for document in documents)
        report.violations = [(self._plan.seed, violation) for violation in violations]
        report.requests, report.repeated, report.longest_seconds = talk.requests, talk.repeated, talk.longest_seconds
        report.store_requests, report.faults = self._weather.requests, self._weather.met

    async def _reckon_place(self, place: Place) -> Sequence[Violation]:
        histories = [*place.ended, *([place.history] if place.history else [])]
        self._report.messages_acknowledged += sum(history.acknowledged for history in histories)
        self._report.appends_acknowledged += sum(
            sending.seqs is not None for history in histories for sending in history.sendings
        )
        with suppress(NoAnswerError):  # noted by whoever asked
            if place.history is None:
                await self._requests.ask("GET", place.path, good=(404,))
            else:
                place.history.check(await self._contents(place, place.history))
        return [violation for history in histories for violation in history.violations]

    async def _contents(self, place: Place, history: History) -> Contents:
        messages = await self._clients[0].read_all(place)
        session = (await self._requests.ask("GET", place.path)).json
        stats = (await self._requests.ask("GET", f"{place.path}/stats")).json
        heads = {document["id"]: document for document in self._stage.documents}
        if stats["message_count"] != session["message_count"]:
            history.note("counter", f"stats count {stats['message_count']}, the session {session['message_count']}")
        return Contents(messages, session["message_count"], stats["by_role"], heads[place.session_id]["last_seq"])


async def maintain(stage: Stage, talk: Talk) -> None:
    """Have the timer's work finished; on a busy machine a store in such a hurry loses patience even now."""
    for _ in range(MAINTENANCE_TRIES):
        with suppress(StoreError):
            while await stage.store.maintain(100):
                pass
            return
        await asyncio.sleep(0.2)
    talk.note("answer", f"maintenance failed {MAINTENANCE_TRIES} times")


def lag(server: CosmosServer, number: int, seed: random.Random) -> None:
    """Let replicas lag by some writes, but never for long."""
    writes = [seed.choice((1, 3, 10, 30)) for _ in range(3)]
    server.lag(3, writes=writes, milliseconds=LAG_MS, behind_token=seed.choice(("wait", "move")), seed=number)


def _may_land_late(request: Request) -> bool:
    """Tell whether a request can do no harm late: not when it would create what was deleted meanwhile."""
    return request.kind != "create" or b'"session_id":"shared-' in request.body
