"""One schedule: clients of a few instances that work on one session, and what they leave behind."""

import asyncio
import random
import time
from contextlib import suppress
from itertools import count
from typing import Literal
from uuid import uuid4

import aiohttp

from shared.models import JsonObject, MessageQuery, SessionChanges
from shared.store.cosmos import CosmosStore
from shared.store.cosmos.connection import Connection
from shared.store.cosmos.items import Items
from shared.store.cosmos.limits import Limits
from shared.store.cosmos.pages import sweep
from tests.builders import a_message, a_session, all_messages
from tests.cosmos.clients import DEEP, VERBS, Client, Name, Place
from tests.cosmos.truth import Truth, require
from tests.cosmos.turns import Fate, Gate, Instance, Turns, Turnstile
from tests.cosmos_server.launch import CosmosServer
from tests.inline import Inline

INSTANCES = 4
DATABASE, CONTAINER = "interleavings", "sessions"
CAP_BYTES = 8_000
SMALL = Limits(  # to rotate every few messages, and to try again at once
    generation_bytes=700,
    previous_cap_bytes=2_000,
    head_cap_bytes=CAP_BYTES,
    max_pause_seconds=0,
    contention_seconds=0,
    call_seconds=600,  # whoever waits for its turn has all the time there is
)


class World:
    """What all schedules share: instances, a clock that both sides follow, and a view of what is really stored."""

    def __init__(self, server: CosmosServer, http: aiohttp.ClientSession) -> None:
        """Use a server of one's own."""
        self.server, self._http = server, http
        self.ahead = 0
        self.instances = [Instance(Connection(*self._where, emulator=True, limits=SMALL)) for _ in range(INSTANCES)]

    def time(self) -> float:
        """Return the server's time."""
        return time.time() + self.ahead

    def advance(self, seconds: int) -> None:
        """Move both clocks forward; no replica lags for seconds."""
        self.server.advance(seconds)
        self.server.refresh()
        self.ahead += seconds

    @property
    def _where(self) -> tuple[str, str, str, str]:
        return self.server.endpoint, self.server.key, DATABASE, CONTAINER

    def store(self, connection: Connection | Turnstile | None = None) -> CosmosStore:
        """Return a store that sends its requests this way."""
        opened = CosmosStore(*self._where, emulator=True)
        opened._connection = connection or self.instances[0].connection
        opened._items = Items(opened._connection, self.time, Inline())
        if isinstance(connection, Turnstile):
            connection.instance.share(opened._items)
        return opened

    async def stored(self, user_id: str) -> tuple[int, list[JsonObject]]:
        """Return the LSN of the newest write and the owner's items as they are on the primary."""
        query = {"db": DATABASE, "coll": CONTAINER, "key": user_id}
        async with self._http.get(f"{self.server.endpoint}/_test/state", params=query) as answer:
            state = await answer.json()
        return state["lsn"], state["items"]


class Schedule:
    """One run of a few clients, decided by one seed; with `lagging` on a few instances, and on replicas that lag."""

    def __init__(self, world: World, seed: int, *, lagging: bool = False) -> None:
        """Choose the clients, how long each works, and how often things go wrong."""
        self._world, self._lagging, self._number = world, lagging, seed
        self._seed = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._name = Name(f"user-{uuid4().hex}", "s")
        self._truth = Truth(CAP_BYTES)
        self._turns = Turns()
        self._numbers = count()
        self._verbs = self._seed.choice((VERBS, DEEP))
        self._instances = world.instances[: self._seed.randint(2, INSTANCES) if lagging else 1]
        self._clients = [self._client(number) for number in range(self._seed.randint(2, 4))]
        self._tasks: list[asyncio.Task[None]] = []
        self._failing = self._seed.choice((0, 0.02, 0.1))
        self._dying = self._seed.choice((0, 0.01, 0.04))
        self._jumping = self._seed.choice((0, 0, 0.03) if lagging else (0, 0.03, 0.1))  # every jump ends a lag
        self._slow: set[int] = set()
        self.kills = 0

    def _client(self, number: int) -> Client:
        turnstiles = [Turnstile(instance, self._turns, number) for instance in self._instances]
        places = [Place(self._world.store(turnstile), turnstile) for turnstile in turnstiles]
        hands_on = self._seed.random() < 0.5
        return Client(
            number,
            places,
            self._name,
            self._truth,
            self._seed,
            numbers=self._numbers,
            hands_on=hands_on,
            verbs=self._verbs,
        )

    async def run(self) -> None:
        """Let the clients work to their ends, then look at what they leave behind."""
        if self._lagging:
            lags = [self._seed.choice((0, 1, 4, 12, 40, 100)) for _ in range(self._seed.randint(1, 3))]
            behind: Literal["draw", "move"] = self._seed.choice(("draw", "move"))
            self._world.server.lag(len(lags), writes=lags, behind_token=behind, seed=self._number)
        try:
            await self._work()
        finally:
            self._world.server.lag(0)
        await self._check_what_is_left()

    async def _work(self) -> None:
        maker = self._clients[0]
        await self._start(maker._create())
        self._tasks = [
            asyncio.create_task(client.work(self._seed.randint(3, 9)), name=str(client.number))
            for client in self._clients
        ]
        try:
            while await self._step():
                pass
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)

    async def _start(self, creation: object) -> None:
        self._tasks = [asyncio.create_task(creation)]  # type: ignore[arg-type]
        while await self._step(calm=True):
            pass

    async def _step(self, *, calm: bool = False) -> bool:
        await self._turns.settle()
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()
        if not self._turns.waiting:
            return False
        gate = self._choose()
        fate = "go" if calm else self._fate()
        await self._let(gate, fate)
        if not calm and self._seed.random() < self._jumping:
            await self._jump()
        return True

    def _choose(self) -> Gate:
        """Pick who goes on; now and then a client sleeps through many steps of the others."""
        if self._seed.random() < 0.1:
            self._slow = {client.number for client in self._clients if self._seed.random() < 0.4}
        awake = [gate for gate in self._turns.waiting if gate.client not in self._slow]
        return self._seed.choice(awake or self._turns.waiting)

    def _fate(self) -> Fate:
        drawn = self._seed.random()
        if drawn < self._dying:
            return "die"
        return "fail" if drawn < self._dying + self._failing else "go"

    async def _let(self, gate: Gate, fate: Fate) -> None:
        client = self._clients[gate.client]
        if fate == "die":
            self.kills += 1
            task = next(task for task in self._tasks if task.get_name() == str(gate.client))
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            return
        client.deed.faults += fate == "fail"
        gate.fate.set_result(fate)
        await self._turns.settle()
        if self._turns.written:
            self._turns.written.clear()
            lsn, items = await self._world.stored(self._name.user_id)
            self._truth.look(items, self._name.session_id, lsn, client.deed)

    async def _jump(self) -> None:
        """Let time pass, but less than the session has left to live.

        A write that waits long after it looked at the clock may land when renewal was due already; of its
        life only what the pages have to outlast is counted.
        """
        document = self._truth.last.document
        seconds = self._seed.randint(1, 60)
        if document and document["ttl"] != -1:
            written = min(document["_ts"], document["renew_at"])
            left = int(written + document["ttl"] - self._world.time())
            seconds = self._seed.randint(0, max(0, left - 3))
        if seconds:
            self._world.advance(seconds)
            self._truth.check_pages(await self._pages())

    async def _everything(self) -> list[JsonObject]:
        return (await self._world.stored(self._name.user_id))[1]

    async def _pages(self) -> list[JsonObject]:
        return [item for item in await self._everything() if item["type"] == "page"]

    async def _check_what_is_left(self) -> None:
        self._truth.check_pages(await self._pages())
        store, name = self._world.store(), self._name
        if self._truth.last.document is None:
            await store.create(a_session(name.user_id, id=name.session_id))
        else:
            await self._check_history(store)
        session = await store.update(name.user_id, name.session_id, SessionChanges(is_active=True))
        last = self._truth.last.document["last_seq"] if self._truth.last.document else 0
        appended = await store.append(name.user_id, name.session_id, [a_message()])
        require(appended.created and appended.messages[0].seq == last + 1, "the session does not go on as it should")
        require(appended.message_count == session.message_count + 1, "old messages count in a new session")
        require(len(await all_messages(store, session)) == appended.message_count, "old messages show in a new session")

        await sweep(store._items.of(name.user_id), name.session_id)
        document = next(item for item in await self._everything() if item["id"] == name.session_id)
        log_now, building = document["log"], (document["building"] or {}).get("epoch")
        for page in await self._pages():
            require(page["epoch"] in {log_now["epoch"], building}, "a page of another epoch outlives a sweep")
            counts = page["epoch"] == building or page["generation"] < log_now["generation"]
            require(counts, "a page of a generation that never was")

        await store.delete(name.user_id, name.session_id)
        require(not await self._everything(), "a deleted session leaves something behind")

    async def _check_history(self, store: CosmosStore) -> None:
        name, state = self._name, self._truth.last
        expected = self._truth.ids(state, state.seqs)
        session, newest = await store.read(name.user_id, name.session_id, 1_000)
        rising = await all_messages(store, session, limit=7)
        falling = await store.read_messages(name.user_id, name.session_id, MessageQuery(limit=1_000, order="desc"))
        stats = await store.stats(name.user_id, name.session_id)
        require([(message.seq, message.id) for message in rising] == expected, "the history is not what was stored")
        require(
            [(message.seq, message.id) for message in newest.messages] == expected[::-1], "read gives another history"
        )
        require(falling.messages == newest.messages, "read_messages gives another history")
        now = {(message.seq, message.id, message.created_at): message for message in rising}
        for edited, mark in (made for client in self._clients for made in client.marks):
            message = now.get((edited.seq, edited.id, edited.created_at))
            require(message is None or mark in message.metadata, f"an acknowledged edit of {edited.id} is lost")
        require(stats.message_count == session.message_count == len(expected), "the counts are wrong")
        require(stats.by_role["user"] == len(expected), "the roles are counted wrong")
