"""One run of turns: clients ask, twice at once, again and again, on instances whose model and store are moody."""

import asyncio
import random
from contextlib import suppress
from itertools import count
from typing import Any
from unittest.mock import patch

from shared.turns import maker
from tests.chaos.clients import SESSIONS
from tests.chaos.documents import misfits
from tests.chaos.moody import MoodyModel, serving_moody
from tests.chaos.requests import NoAnswerError, Requests, Talk
from tests.chaos.run import Plan, Report, lag, maintain
from tests.chaos.stage import HURRIED, Stage, staged
from tests.chaos.talks import Question, Talks
from tests.chaos.weather import Weather
from tests.cosmos_server.launch import CosmosServer

KEPT = ("talk-0", "talk-1", "talk-2")  # sessions whose messages nobody removes
CLEARED = ("talk-cleared",)
TURNS = 4  # of each client
TRIES = 5  # to get a reply, each of which may be answered with a failure of the model
PAUSES = (0.05, 0.1, 0.2, 0.4)  # of a maker whose store is busy
ANSWERS = (200, 201, 404, 409, 502, 504)


async def run(server: CosmosServer, plan: Plan) -> Report:
    """Run one seed on a server that nobody else uses, and report."""
    server.reset()
    seed = random.Random(plan.seed)  # noqa: S311 - repeatable, not secret
    talks = Talks("")
    model = MoodyModel(talks, random.Random(seed.random()))  # noqa: S311 - as above
    with patch.object(maker, "STORE_PAUSES", PAUSES):
        async with (
            serving_moody(model) as settings,
            staged(server, plan.instances, plan.seed, limits=HURRIED, model=settings) as stage,
        ):
            talks.user_id = str(stage.api.user)
            report = await _Run(stage, plan, talks).go()
    report.faults.update({f"model {mood}": number for mood, number in model.moods.items()})
    return report


class _Asker:
    """Takes turns, one after another."""

    def __init__(self, name: str, requests: Requests, talks: Talks, seed: random.Random) -> None:
        self._name, self._requests, self._talks, self._seed = name, requests, talks, seed
        self._numbers = count(1)

    async def work(self, turns: int) -> None:
        for _ in range(turns):
            with suppress(NoAnswerError):
                await self._do()

    async def _do(self) -> None:
        session_id = self._seed.choice((*KEPT, *CLEARED))
        message_id = f"{self._name}-{next(self._numbers)}"
        what = self._seed.random()
        if what < 0.1:
            self._talks.others.add(message_id)
            await self._send("POST", f"{session_id}/messages", _said(message_id), good=(200, 201))
        elif session_id in CLEARED and what < 0.3:
            removal = self._talks.begin_removal(session_id)
            await self._send("DELETE", f"{session_id}/messages", good=(204,))
            self._talks.end_removal(removal)
        else:
            await self._take(self._talks.ask(session_id, message_id))

    async def _take(self, question: Question) -> None:
        """Ask until there is a reply, or until it is plain that there will be none; mostly twice at once."""
        if question.session_id in CLEARED:
            question.owed = False  # whatever is told of it may be gone a moment later
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
        self._talk = Talk(stage.api)
        self._requests = Requests(self._talk, self._seed)
        self._askers = [self._asker(number) for number in range(plan.clients)]
        self._weather = Weather(
            plan.seed, plan.rate, timeout_seconds=HURRIED.read_seconds, may_land_late=lambda one: one.kind != "create"
        )

    def _asker(self, number: int) -> _Asker:
        seed = random.Random(self._seed.random())  # noqa: S311 - as above
        requests = Requests(self._talk, seed, hands_on=bool(number % 2))
        return _Asker(f"q{number}", requests, self._talks, seed)

    async def go(self) -> Report:
        for session_id in (*KEPT, *CLEARED):
            await self._requests.ask("POST", SESSIONS, {"id": session_id}, good=(201,))
        if self._plan.instances > 1:
            lag(self._stage.server, self._plan.seed, self._seed)
        self._stage.proxy.on("any", self._weather.act, times=None)
        ending = asyncio.create_task(self._end_instances())
        await asyncio.gather(*(asker.work(TURNS) for asker in self._askers))
        ending.cancel()
        await self._weather.settle()
        await self._stage.under_way.settle()
        await self._settle()
        self._stage.server.lag(0)
        return await self._reckon()

    async def _end_instances(self) -> None:
        """Tell an instance to end now and then; another takes its place, with the same store."""
        while True:
            await asyncio.sleep(self._seed.uniform(0.5, 2))
            chat = self._seed.choice(self._stage.chats)
            while chat.closing:
                await chat.closing.pop().close()

    async def _settle(self) -> None:
        """Wait for the replies that nobody waits for any more."""
        await asyncio.gather(*(chat.settle() for chat in self._stage.chats))

    async def _reckon(self) -> Report:
        talks, talk, report = self._talks, self._talk, Report(seeds=1)
        await maintain(self._stage, talk)
        for session_id in (*KEPT, *CLEARED):
            with suppress(NoAnswerError):
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
