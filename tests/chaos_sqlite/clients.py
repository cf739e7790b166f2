"""What the clients do: append and repeat, read, archive and restore, and make and delete sessions of their own."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.history import History, Said
from tests.chaos_sqlite.network import Network, Reply

SESSIONS = "/api/chat/sessions"
ARCHIVE_IDLE = "/admin/functions/archive_idle_sessions"
TEXTS = ("Hello!", "你好 🙂", "a text that takes some room " * 15)
GIVES_UP = 0.15  # of the clients after a try that failed: what they sent may be there or not
PAGE = 50  # smaller than the sessions become, so that a read takes several requests


@dataclass
class World:
    """Everything the clients of one run share."""

    network: Network
    histories: Mapping[str, History]  # of the sessions that stay, by id
    deleted: list[str] = field(default_factory=list)
    recognised: int = 0  # requests whose answer was lost and that were found stored when they came again
    stray: History = field(default_factory=lambda: History("elsewhere"))  # what belongs to none of them


class Client:
    """One client; everything it does follows from its dice, everything it meets goes into the histories."""

    def __init__(self, name: str, world: World, seed: str) -> None:
        """Take part in this world under a name."""
        self.name = name
        self.world = world
        self.dice = random.Random(f"{seed} {name}")  # noqa: S311 - repeatable chances, not secrets
        self._sent = 0

    async def act(self) -> None:
        """Do one of the things that clients do."""
        actions = {self.append: 60, self.read_newest: 12, self.read_all: 6, self.archive: 8, self.live_and_die: 14}
        [action] = self.dice.choices(list(actions), list(actions.values()))
        await action()

    async def append(self) -> None:
        """Send one request of messages to a session until it is acknowledged, or give up."""
        session_id, history = self._some_session()
        said = [self._say() for _ in range(self.dice.choice((1, 1, 1, 2, 5)))]
        sending = history.begin(self.name, said)
        body = {"messages": [{"id": one.id, "role": one.role, "content": one.content} for one in said]}
        while True:
            path = f"{SESSIONS}/{session_id}/messages"
            reply = await self._ask("POST", path, body, gives_up=lambda: self.dice.random() < GIVES_UP)
            if reply is None:
                return
            if reply.status in {200, 201}:
                self._count_repeat(history, reply, said[0])
                history.acknowledge(sending, reply.body["messages"])
                return
            if (reply.status, reply.code) != (409, "session_archived"):
                history.note("answer", f"an append was answered {reply.status} {reply.body}")
                return
            await self._expect(history, "POST", f"{SESSIONS}/{session_id}/restore", 200)

    async def read_newest(self) -> None:
        """Read a session with its newest messages."""
        session_id, history = self._some_session()
        highest = history.highest
        reply = await self._expect(history, "GET", f"{SESSIONS}/{session_id}?limit={PAGE}", 200)
        if reply:
            history.show(placed(reply.body["messages"]), highest=highest, newest=True)

    async def read_all(self) -> None:
        """Page through a session from its first message to its last, at any servers."""
        session_id, history = self._some_session()
        highest, cursor, shown = history.highest, "", []
        while True:
            path = f"{SESSIONS}/{session_id}/messages?limit={PAGE}&order=asc{cursor}"
            reply = await self._expect(history, "GET", path, 200)
            if reply is None:
                return
            shown += placed(reply.body["data"])
            if not reply.body["has_more"]:
                break
            cursor = f"&cursor={reply.body['next_cursor']}"
        history.show(shown, highest=highest, newest=True)
        if shown and shown[0][0] != 1:
            history.note("read", f"the first message shown was {shown[0]}")

    async def archive(self) -> None:
        """Archive a session, or have a server archive what is idle."""
        session_id, history = self._some_session()
        if self.dice.random() < 0.3:
            await self._expect(self.world.stray, "POST", ARCHIVE_IDLE, 202)
        else:
            await self._expect(history, "POST", f"{SESSIONS}/{session_id}/archive", 200)

    async def live_and_die(self) -> None:
        """Make a session of one's own, say something there and delete it; then it must be gone."""
        session_id = f"brief-{self.name}-{self._sent}"
        stray = self.world.stray
        first, second = self._say(), self._say()
        await self._expect(stray, "POST", "/api/chat/messages", 200, 201, body=_spoken(first, session_id=session_id))
        path = f"{SESSIONS}/{session_id}"
        await self._ask("POST", f"{path}/messages", _spoken(second), gives_up=lambda: self.dice.random() < GIVES_UP)
        reply = await self._expect(stray, "DELETE", path, 204, 404)
        if reply and reply.status == 404 and not reply.repeated:
            stray.note("lost", f"{session_id} was not there to be deleted")
        self.world.deleted.append(session_id)
        await self._expect(stray, "GET", path, 404)
        await self._expect(stray, "POST", f"{path}/messages", 404, body=_spoken(second))

    def _count_repeat(self, history: History, reply: Reply, said: Said) -> None:
        """Count what was stored already when it came again; what was never sent before cannot be there."""
        if reply.status == 200:
            self.world.recognised += 1
            if not reply.repeated:
                history.note("answer", f"{said.id} was answered as a repeat at the first try")

    async def _expect(
        self, history: History, method: str, path: str, *statuses: int, body: object = None
    ) -> Reply | None:
        """Send a request that must be answered so; any other answer is a violation, and None is returned."""
        reply = await self._ask(method, path, body)
        if reply is not None and reply.status in statuses:
            return reply
        history.note("answer", f"{method} {path} was answered {reply}, not {statuses}")
        return None

    async def _ask(self, method: str, path: str, body: object = None, **options: Any) -> Reply | None:
        return await self.world.network.ask(self.dice, method, path, body, **options)

    def _some_session(self) -> tuple[str, History]:
        return self.dice.choice(list(self.world.histories.items()))

    def _say(self) -> Said:
        self._sent += 1
        role = self.dice.choice(("user", "assistant"))
        return Said(f"{self.name}-{self._sent}", role, f"{self._sent} {self.dice.choice(TEXTS)}")


def placed(messages: list[dict[str, Any]]) -> list[tuple[int, str]]:
    """Return messages as seq and id."""
    return [(message["seq"], message["id"]) for message in messages]


def _spoken(said: Said, **more: object) -> dict[str, object]:
    return {"id": said.id, "role": said.role, "content": said.content, **more}
