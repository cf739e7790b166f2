"""Clients of one run: all write to a few shared sessions, and each keeps some sessions that only it touches."""

import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

from tests.chaos.history import History, Said
from tests.chaos.requests import NoAnswerError, Requests, Talk
from tests.http.client import Answer

SESSIONS = "/api/chat/sessions"
ROLES = ("user", "assistant", "system", "tool")
PAGE_LIMITS = (20, 60, 200)
ENOUGH = 10  # answers that nobody should get, after which a run is over
Sight = Literal["newest", "own", "any"]  # what anybody was told; what this client was told; whatever once was
LOOKS_AWAY = 0.2  # of what a client without tokens does with its own session is a read that may show anything
GIVES_UP = 0.1  # of the appends to shared sessions are not repeated: they stay unacknowledged


@dataclass
class Place:
    """A session: its id, the record of its present life, and the records of those that ended."""

    session_id: str
    history: History | None = None
    ended: list[History] = field(default_factory=list)

    @property
    def path(self) -> str:
        """Where the session is."""
        return f"{SESSIONS}/{self.session_id}"

    def begin(self) -> History:
        """Begin a new life."""
        self.history = History(f"{self.session_id}, life {len(self.ended) + 1}")
        return self.history

    def end(self) -> None:
        """End the present life."""
        assert self.history
        self.ended.append(self.history)
        self.history = None


class Client:
    """Does one thing after another, chosen by its seed, and records what it sent, was told and was shown."""

    def __init__(
        self, name: str, talk: Talk, shared: list[Place], seed: random.Random, sight: Sight = "newest"
    ) -> None:
        """Work on the shared sessions and on one of one's own; `sight` says what a read must not be older than."""
        self.name, self._shared, self._seed = name, shared, seed
        self.own = Place(f"own-{name}")
        self._sight, self._told = sight, Counter[str]()
        self._requests = Requests(talk, seed, hands_on=sight == "own")
        self._talk = talk
        self._numbers = count(1)
        self._deeds = {
            self._append_to_shared: 40,
            self._read_shared: 10,
            self._page_through_shared: 8,
            self._count_shared: 4,
            self._use_own: 38,
        }

    async def work(self, deeds: int) -> None:
        """Do that many things, or stop when it is plain that something is broken."""
        for deed in self._seed.choices(list(self._deeds), list(self._deeds.values()), k=deeds):
            if len(self._talk.violations) >= ENOUGH:
                return
            with suppress(NoAnswerError):
                await deed()

    # The shared sessions

    async def _append_to_shared(self) -> None:
        place = self._seed.choice(self._shared)
        assert place.history
        await self._append(place, place.history, may_give_up=True)

    async def _append(self, place: Place, history: History, *, may_give_up: bool = False) -> None:
        messages = self._messages()
        body = {"messages": [vars(said) for said in messages]}
        once = may_give_up and self._seed.random() < GIVES_UP
        sending = history.begin(self.name, messages)
        while True:
            answer = await self._ask(
                "POST", f"{place.path}/messages", body, good=(200, 201, 409), hurried=may_give_up, once=once
            )
            if answer.status != 409:
                history.acknowledge(sending, answer.json["messages"])
                self._tell(place, sending.seqs or ())
                return
            if answer.json["code"] != "session_archived":
                history.note("answer", f"a repeat was refused: {answer.body!r}")
                return
            await self._ask("POST", f"{place.path}/restore")

    def _tell(self, place: Place, seqs: Sequence[int]) -> None:
        """Note what this client knows to be there."""
        self._told[place.session_id] = max(self._told[place.session_id], *seqs, 0)

    def _known(self, place: Place, history: History) -> int:
        """Return the seq of the newest message that a read must know of."""
        return {"newest": history.highest, "own": self._told[place.session_id], "any": 0}[self._sight]

    def _messages(self) -> list[Said]:
        number = self._seed.choice((1, 1, 1, 1, 1, 2, 4, 6, 7, 15))
        return [
            Said(f"{self.name}-{next(self._numbers)}", self._seed.choice(ROLES), "said " * self._seed.randint(1, 300))
            for _ in range(number)
        ]

    async def _read_shared(self) -> None:
        place = self._seed.choice(self._shared)
        assert place.history
        highest = self._known(place, place.history)
        answer = await self._ask("GET", f"{place.path}?limit={self._seed.choice((1, 10, 50, 200))}", hurried=True)
        placed = [(message["seq"], message["id"]) for message in answer.json["messages"]]
        place.history.show(placed, highest=highest, newest=True)
        self._tell(place, [seq for seq, _ in placed])
        last = placed[-1][0] if placed else 0
        if answer.json["message_count"] != last:
            place.history.note(
                "counter", f"shown with {answer.json['message_count']} messages, the last of them {last}"
            )

    async def _page_through_shared(self) -> None:
        place = self._seed.choice(self._shared)
        assert place.history
        highest = self._known(place, place.history)
        order = self._seed.choice(("asc", "desc"))
        shown = [(message["seq"], message["id"]) for message in await self.read_all(place, order)]
        rising = shown if order == "asc" else shown[::-1]
        place.history.show(rising, highest=highest, newest=True)
        if rising and rising[0][0] != 1:
            place.history.note("read", f"paging through ended at {rising[0][0]}")

    async def read_all(self, place: Place, order: str = "asc") -> list[dict[str, Any]]:
        """Follow the cursors through all messages."""
        path = f"{place.path}/messages?limit={self._seed.choice(PAGE_LIMITS)}"
        found: list[dict[str, Any]] = []
        step = f"&order={order}"
        while True:
            page = (await self._ask("GET", path + step)).json
            found += page["data"]
            if not page["has_more"]:
                return found
            step = f"&cursor={page['next_cursor']}"

    async def _count_shared(self) -> None:
        place = self._seed.choice(self._shared)
        assert place.history
        highest = self._known(place, place.history)
        stats = (await self._ask("GET", f"{place.path}/stats")).json
        total = sum(stats["by_role"].values())
        if not highest <= stats["message_count"] == total:
            place.history.note("counter", f"{stats} after {highest} had been acknowledged")
        self._tell(place, [stats["message_count"]])

    # Sessions of one's own

    async def _use_own(self) -> None:
        place = self.own
        if place.history is None:
            await self._create(place)
            return
        if self._sight == "any" and self._seed.random() < LOOKS_AWAY:
            await self._ask("GET", f"{place.path}/messages", good=(200, 404))  # of any moment, and any life
            return
        use = self._seed.choices(
            [self._append_to_own, self._read_own, self._find_own, self._clear, self._archive, self._delete],
            [40, 0, 0, 11, 10, 17] if self._sight == "any" else [40, 14, 8, 11, 10, 17],
        )[0]
        await use(place, place.history)

    async def _create(self, place: Place) -> None:
        history = place.begin()
        if self._seed.random() < 0.5:
            body = {"id": place.session_id, "ttl_seconds": self._seed.choice((3600, -1))}
            await self._ask("POST", SESSIONS, body, good=(201,), when_repeated=(409,))
            return
        messages = self._messages()
        sending = history.begin(self.name, messages)
        body = {"session_id": place.session_id, "messages": [vars(said) for said in messages]}
        answer = await self._ask("POST", "/api/chat/messages", body, good=(201,), when_repeated=(200,))
        history.acknowledge(sending, answer.json["messages"])

    async def _append_to_own(self, place: Place, history: History) -> None:
        await self._append(place, history)

    async def _read_own(self, place: Place, history: History) -> None:
        shown = [(message["seq"], message["id"]) for message in await self.read_all(place)]
        history.show(shown)
        expected = [
            (seq, said.id)
            for sending in history.sendings
            if not sending.removed
            for seq, said in zip(sending.seqs or (), sending.messages, strict=False)
        ]
        if shown != expected:
            history.note("read", f"shown {shown}, not {expected}")

    async def _find_own(self, place: Place, history: History) -> None:
        """Page through the list; the session must be on it once, as nobody else moves it."""
        path, step = f"{SESSIONS}?status=all&limit={self._seed.choice((20, 100))}", ""
        found: list[str] = []
        while True:
            page = (await self._ask("GET", path + step)).json
            found += [session["id"] for session in page["data"]]
            if not page["has_more"]:
                break
            step = f"&cursor={page['next_cursor']}"
        if found.count(place.session_id) != 1:
            history.note("read", f"listed {found.count(place.session_id)} times")

    async def _clear(self, place: Place, history: History) -> None:
        await self._ask("DELETE", f"{place.path}/messages", good=(204,))
        history.clear()

    async def _archive(self, place: Place, history: History) -> None:
        session = (await self._ask("POST", f"{place.path}/archive")).json
        if session["status"] != "archived":
            history.note("answer", f"archived, but {session['status']}")

    async def _delete(self, place: Place, _history: History) -> None:
        place.end()
        await self._ask("DELETE", place.path, good=(204,), when_repeated=(404,))
        await self._ask("GET", place.path, good=(200, 404) if self._sight == "any" else (404,))

    async def _ask(self, method: str, path: str, *arguments: Any, **options: Any) -> Answer:
        return await self._requests.ask(method, path, *arguments, **options)
