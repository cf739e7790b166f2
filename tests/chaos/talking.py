"""One run of turns: clients ask, twice at once, again and again, on instances whose model and store are moody."""

import asyncio
import random
from collections import Counter
from contextlib import suppress
from itertools import count
from typing import Any
from unittest.mock import patch

from shared.turns import generation
from tests.chaos.clients import SESSIONS
from tests.chaos.documents import misfits
from tests.chaos.moody import MoodyModel, serving_moody
from tests.chaos.removing import WAYS, Removing
from tests.chaos.requests import NoAnswerError, Requests, Talk
from tests.chaos.run import Plan, Report, lag, maintain
from tests.chaos.stage import HURRIED, Stage, staged
from tests.chaos.talks import Question, Talks
from tests.chaos.weather import Weather
from tests.cosmos_server.launch import CosmosServer

KEPT = ("talk-0", "talk-1", "talk-2", "talk-3")  # sessions whose messages nobody removes
SESSION_IDS = (*KEPT, *WAYS)
REMOVES = 0.25  # of what is done in a session of which something may be removed
DIES = 0.4  # of the instances that end
MOST_DEATHS = 2  # of a run: each keeps the sessions waiting in which it made a reply
TURNS = 5  # of each client
TRIES = 5  # to get a reply, each of which may be answered with a failure of the model
PAUSES = (0.05, 0.1, 0.2, 0.4)  # of a maker whose store is busy
ANSWERS = (200, 201, 404, 409, 502, 504)
ASKING_SECONDS = 45.0  # a lease that somebody has left behind may have to end first


async def run(server: CosmosServer, plan: Plan) -> Report:
    """Run one seed on a server that nobody else uses, and report."""
    server.reset()
    seed = random.Random(plan.seed)  # noqa: S311 - repeatable, not secret
    talks = Talks("")
    model = MoodyModel(talks, random.Random(seed.random()))  # noqa: S311 - as above
    with patch.object(generation, "STORE_PAUSES", PAUSES):
        async with (
            serving_moody(model) as settings,
            staged(server, plan.instances, plan.seed, limits=HURRIED, model=settings) as stage,
        ):
            talks.user_id = str(stage.api.user)
            running = _Run(stage, plan, talks)
            report = await running.go()
            report.faults.update(running.done)
    report.faults.update({f"model {mood}": number for mood, number in model.moods.items()})
    return report


class _Asker:
    """Takes turns, one after another."""

    def __init__(self, name: str, requests: Requests, talks: Talks, seed: random.Random, removing: Removing) -> None:
        self._name, self._requests, self._talks, self._seed = name, requests, talks, seed
        self._removing = removing
        self._numbers = count(1)

    async def work(self, turns: int) -> None:
        for _ in range(turns):
            with suppress(NoAnswerError):
                await self._do()

    async def _do(self) -> None:
        session_id = self._seed.choice(SESSION_IDS)
        message_id = f"{self._name}-{next(self._numbers)}"
        what = self._seed.random()
        if what < 0.1:
            self._talks.others.add(message_id)
            good = (200, 201) if session_id in KEPT else (200, 201, 404, 409)  # deleted, archived
            await self._send("POST", f"{session_id}/messages", _said(message_id), good=good)
        elif session_id in WAYS and what < 0.1 + REMOVES:
            await self._removing.remove(session_id)
        else:
            await self._take(self._talks.ask(session_id, message_id))

    async def _take(self, question: Question) -> None:
        """Ask until there is a reply, or until it is plain that there will be none; mostly twice at once."""
        for _ in range(TRIES):
            together = 1 + (self._seed.random() < 0.6)
            tries = [self._ask(question) for _ in range(together)]
            ended = await asyncio.gather(*tries, return_exceptions=True)
            for error in ended:
                if isinstance(error, BaseException) and not isinstance(error, NoAnswerError):
                    raise error
            if any(one is True for one in ended) and self._seed.random() < 0.7:
                return
            await asyncio.sleep(self._seed.uniform(0, 0.3))

    async def _ask(self, question: Question) -> bool:
        """Ask once, and return whether asking again would bring nothing new."""
        path = f"{question.session_id}/turns"
        answer = await self._send("POST", path, _said(question.message_id), good=ANSWERS, hurried=True)
        if answer.status in {200, 201}:
            self._talks.answer(question, answer.json["reply"])
            return True
        return answer.status == 404 or answer.json["code"] == "turn_not_newest"

    async def _send(self, method: str, path: str, *arguments: Any, **options: Any) -> Any:
        return await self._requests.ask(method, f"{SESSIONS}/{path}", *arguments, **options)


class _Run:
    def __init__(self, stage: Stage, plan: Plan, talks: Talks) -> None:
        self._stage, self._plan, self._talks = stage, plan, talks
        self._seed = random.Random(f"{plan.seed} turns")  # noqa: S311 - repeatable, not secret
        self._talk = Talk(stage.api, may_break=lambda: stage.fleet.cut_off)
        self._requests = Requests(self._talk, self._seed, seconds=ASKING_SECONDS)
        self.done = Counter[str]()
        self._over = asyncio.Event()
        self._removing = Removing(self._requests, talks, self._seed, self.done)
        self._askers = [self._asker(number) for number in range(plan.clients)]
        self._weather = Weather(
            plan.seed, plan.rate, timeout_seconds=HURRIED.read_seconds, may_land_late=lambda one: one.kind != "create"
        )

    def _asker(self, number: int) -> _Asker:
        seed = random.Random(self._seed.random())  # noqa: S311 - as above
        requests = Requests(self._talk, seed, hands_on=bool(number % 2), seconds=ASKING_SECONDS)
        removing = Removing(requests, self._talks, seed, self.done)
        return _Asker(f"q{number}", requests, self._talks, seed, removing)

    async def go(self) -> Report:
        for session_id in SESSION_IDS:
            await self._requests.ask("POST", SESSIONS, {"id": session_id}, good=(201,))
        if self._plan.instances > 1:
            lag(self._stage.server, self._plan.seed, self._seed)
        self._stage.instances.expose(self._weather.act)
        ending = asyncio.create_task(self._end_instances())
        await asyncio.gather(*(asker.work(TURNS) for asker in self._askers))
        self._over.set()
        await ending
        await self._weather.settle()
        await self._stage.under_way.settle()
        await self._settle()
        self._stage.server.lag(0)
        return await self._reckon()

    async def _end_instances(self) -> None:
        """Have an instance end now and then: told to, with another in its place on the same store, or by its death."""
        while not await self._is_over(self._seed.uniform(0.5, 2)):
            living = self._stage.instances.living
            instance = self._seed.choice([each for each in living if each.makes] or living)
            if self._seed.random() < DIES and self.done["an instance dies"] < MOST_DEATHS:
                self.done["an instance dies"] += 1
                self._talks.die(await self._stage.instances.kill(instance, self._stage.fleet))
                continue
            self.done["an instance ends"] += 1
            while instance.chat.closing:
                await instance.chat.closing.pop().close()

    async def _is_over(self, seconds: float) -> bool:
        """Return whether all have asked what they wanted to, as soon as they have or after so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()
        return self._over.is_set()

    async def _settle(self) -> None:
        """Wait for the replies that nobody waits for any more."""
        await asyncio.gather(*(chat.settle() for chat in self._stage.chats))

    async def _reckon(self) -> Report:
        talks, talk, report = self._talks, self._talk, Report(seeds=1)
        await maintain(self._stage, talk)
        self.done["leases left behind"] = len(talks.legacies)
        for session_id in SESSION_IDS:
            with suppress(NoAnswerError):
                if session_id in WAYS:
                    await self._removing.make(session_id)
                talks.check(session_id, await self._messages(session_id))
        talks.check_paid()
        violations = [*talks.violations, *talk.violations, *misfits(self._stage.documents)]
        report.violations = [(self._plan.seed, violation) for violation in violations]
        report.requests, report.repeated, report.longest_seconds = talk.requests, talk.repeated, talk.longest_seconds
        report.store_requests, report.faults = self._weather.requests, self._weather.met
        report.turns, report.replies, report.askings = (
            len(talks.questions),
            talks.acknowledged,
            len(talks.askings),
        )
        return report

    async def _messages(self, session_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        step = ""
        while True:
            path = f"{SESSIONS}/{session_id}/messages?limit=200&order=asc{step}"
            page = (await self._requests.ask("GET", path)).json
            found += page["data"]
            if not page["has_more"]:
                return found
            step = f"&cursor={page['next_cursor']}"


def _said(message_id: str) -> dict[str, str]:
    return {"id": message_id, "role": "user", "content": f"{message_id} is what this is about."}
