"""A client that dies at one of its store requests, and what is then left to be seen of its owner's sessions."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from time import time
from typing import Any, Literal, TypeVar

from azure.cosmos.aio import ContainerProxy
from typing_extensions import override

from shared.errors import SessionNotFoundError
from shared.models import KEEP, JsonObject, Session
from shared.store.cosmos import CosmosStore
from shared.store.cosmos.connection import Connection
from shared.store.cosmos.errors import ItemMissingError
from shared.store.cosmos.head import Head, page_id
from shared.store.cosmos.items import Items
from shared.store.cosmos.known_heads import Known
from shared.store.cosmos.lifetimes import FAR_FUTURE, page_ttl, renewal_due
from shared.store.cosmos.limits import Limits
from shared.store.cosmos.partition import Partition
from shared.store.rules import documents_bytes
from tests.builders import all_messages, an_owner
from tests.cosmos_server.launch import CosmosServer
from tests.inline import Inline

SMALL = Limits(generation_bytes=900)  # a generation is six messages
AT_ONCE = 8  # owners looked after at the same time
Moment = Literal["before", "after"]
Result = TypeVar("Result")


class Killed(BaseException):
    """The client's process ended."""


class MortalItems(Items):
    """Items that send one request at a time, and die before the n-th is sent or after it was carried out."""

    def __init__(self, world: "World", moment: Moment = "before", number: int | None = None) -> None:
        """Live on if there is no number."""
        super().__init__(world.connection, world.time, Inline())
        self._fatal = (moment, number)
        self._turn = asyncio.Lock()
        self.requests = 0

    @override
    async def call(self, send: Callable[[ContainerProxy], Awaitable[Result]]) -> Result:
        async with self._turn:
            self.requests += 1
            self._live("before")
            try:
                return await super().call(send)
            finally:
                self._live("after")

    def _live(self, moment: Moment) -> None:
        """Raise Killed at the fatal moment, and whenever anything is sent after it."""
        fatal, number = self._fatal
        if number is not None and (self.requests > number or (self.requests, moment) == (number, fatal)):
            raise Killed


class Snapshot(Partition):
    """The documents of one moment, to be read only."""

    def __init__(self, documents: Iterable[JsonObject]) -> None:
        """Keep the documents by id."""
        self.limits = SMALL
        self._documents = {document["id"]: document for document in documents}

    def of(self, _user_id: str) -> "Snapshot":
        """Stand for the container too: it holds one owner's items."""
        return self

    @override
    async def read(self, item_id: str) -> JsonObject:
        if item_id not in self._documents:
            raise ItemMissingError
        return self._documents[item_id]

    @override
    def known(self, session_id: str) -> Known:
        """Know of nothing."""
        return Known(self.limits)

    @override
    async def query(self, sql: str, parameters: Mapping[str, object], at_most: int | None = None) -> list[Any]:
        """Answer the one query that readers send: pages by their ids."""
        assert sql.startswith("SELECT * FROM c WHERE c.id IN (")
        return [self._documents[str(item_id)] for item_id in parameters.values() if item_id in self._documents]


@dataclass(frozen=True)
class Seen:
    """A session as its owner sees it: its messages as (seq, id), and what may be changed."""

    history: tuple[tuple[int, str], ...]
    next_seq: int
    status: str
    pinned: bool
    ttl_seconds: int

    def plus(self, ids: Iterable[str]) -> tuple[tuple[int, str], ...]:
        """Return the history with messages appended."""
        return (*self.history, *enumerate(ids, self.next_seq))


@dataclass(frozen=True)
class Sight:
    """What an owner sees of each session, None if nothing, and the documents that show it."""

    sessions: dict[str, Seen | None]
    documents: list[JsonObject] = field(compare=False, repr=False)


@dataclass(frozen=True)
class Template:
    """The documents of an owner, to begin with as often as needed; `session_id` names the session it is about."""

    session_id: str
    documents: list[JsonObject]

    @property
    def session_ids(self) -> list[str]:
        """Name all sessions."""
        return [document["id"] for document in self.documents if document["type"] == "session"]

    @property
    def head(self) -> Head:
        """Return the head of the session it is about."""
        return next(Head(document) for document in self.documents if document["id"] == self.session_id)


@dataclass(frozen=True)
class Case:
    """One owner who began as the template says."""

    user_id: str
    template: Template

    @property
    def session_id(self) -> str:
        """Name the session it is about."""
        return self.template.session_id


class World:
    """A server with a clock that the adapter follows, and its documents reached behind the adapter's back."""

    def __init__(self, server: CosmosServer, database: str = "kills") -> None:
        """Use a server of one's own."""
        self.server = server
        self.ahead = 0
        self._place = (server.endpoint, server.key, database, "sessions")
        self.connection = Connection(*self._place, emulator=True, limits=SMALL)
        self.items = Items(self.connection, self.time, Inline())

    def time(self) -> float:
        """Return the server's time."""
        return time() + self.ahead

    def advance(self, seconds: int) -> None:
        """Move both clocks forward."""
        self.server.advance(seconds)
        self.ahead += seconds

    def store(self, items: Items | Snapshot | None = None) -> CosmosStore:
        """Return a new store, as a process that has just started has one."""
        opened = CosmosStore(*self._place, emulator=True)
        opened._items = items or self.items
        return opened

    async def documents(self, user_id: str) -> list[JsonObject]:
        """Return everything that is stored of an owner."""
        return await self.items.of(user_id).query("SELECT * FROM c", {})

    async def template(self, user_id: str, session_id: str) -> Template:
        """Return what is stored of an owner, to begin with again."""
        return Template(session_id, await self.documents(user_id))

    async def begin(self, template: Template) -> Case:
        """Store a template's documents, as if written now, for an owner of their own."""
        user_id = an_owner()
        creates = [("create", (self._written_now(document, user_id),)) for document in template.documents]
        container = await self.connection.container()
        await container.execute_item_batch(creates, user_id)
        return Case(user_id, template)

    def _written_now(self, document: JsonObject, user_id: str) -> JsonObject:
        fresh = {name: value for name, value in document.items() if not name.startswith("_")} | {"user_id": user_id}
        if fresh.get("renew_at", FAR_FUTURE) != FAR_FUTURE:
            fresh["renew_at"] = renewal_due(int(self.time()), fresh["ttl"])
        if fresh.get("building"):
            fresh["building"] = fresh["building"] | {"since": int(self.time())}
        return fresh

    async def look(self, case: Case) -> Sight:
        """Return what the owner sees of each session now; asserts that all ways of looking show the same."""
        documents = await self.documents(case.user_id)
        check_documents(documents)
        sessions = {name: await self._look_at(documents, case, name) for name in case.template.session_ids}
        return Sight(sessions, documents)

    async def _look_at(self, documents: list[JsonObject], case: Case, session_id: str) -> Seen | None:
        store = self.store(Snapshot(documents))
        try:
            session, newest = await store.read(case.user_id, session_id, 1_000)
        except SessionNotFoundError:
            return None
        rising = await all_messages(store, session, limit=9, page_hint=0)
        falling = await all_messages(store, session, limit=13, order="desc")
        stats = await store.stats(case.user_id, session_id)
        times = [message.created_at for message in rising]
        assert rising == newest.messages[::-1] == falling[::-1], "each way of reading shows another history"
        assert session.message_count == stats.message_count == len(rising), "the counts are not those of the messages"
        assert sum(stats.by_role.values()) == len(rising)
        for role, count in stats.by_role.items():
            assert count == sum(message.role == role for message in rising), f"{role} is counted wrong"
        assert [stats.first_message_at, stats.last_message_at] == ([times[0], times[-1]] if times else [None, None])
        assert session.last_message_at == stats.last_message_at
        return _seen(session, [(message.seq, message.id) for message in rising], head_of(documents, session_id))


def _seen(session: Session, history: list[tuple[int, str]], head: Head) -> Seen:
    return Seen(tuple(history), head.last_seq + 1, session.status, session.pinned, session.ttl_seconds)


def head_of(documents: Iterable[JsonObject], session_id: str) -> Head:
    """Return a session's head."""
    return next(Head(document) for document in documents if document["id"] == session_id)


def pages_of(documents: Iterable[JsonObject], session_id: str) -> list[JsonObject]:
    """Return a session's pages, those that do not count too."""
    return [item for item in documents if item["type"] == "page" and item["session_id"] == session_id]


def living_heads(documents: Iterable[JsonObject]) -> list[Head]:
    """Return the heads that anybody can see."""
    return [Head(item) for item in documents if item["type"] == "session" and item["status"] != "deleted"]


def counted(documents: Iterable[JsonObject], head: Head) -> list[JsonObject]:
    """Return the pages that count; asserts that none is missing."""
    by_id = {document["id"]: document for document in documents}
    wanted = [page_id(head.id, head.epoch, generation) for generation in range(head.counted_pages)]
    assert by_id.keys() >= set(wanted), f"pages that count are missing: {set(wanted) - by_id.keys()}"
    return [by_id[item_id] for item_id in wanted]


def check_documents(documents: list[JsonObject]) -> None:
    """Assert that pages and head join without a gap, and that no page goes before its head does."""
    for head in living_heads(documents):
        seq = head.first_seq
        for page in counted(documents, head):
            assert page["first_seq"] == seq, f"page {page['generation']} begins at {page['first_seq']}, not at {seq}"
            seq += len(page["messages"])
            _check_life(head, page)
        assert seq == head.previous_first_seq, "the pages do not reach up to the head"
        assert head.bytes == documents_bytes(head.messages), "the size of the current generation is wrong"
        assert head.previous_bytes == documents_bytes(head.previous), "the size of the previous generation is wrong"


def _check_life(head: Head, page: JsonObject) -> None:
    """A head is written until `renew_at` at the latest, and lives for its ttl from then on."""
    if page["ttl"] == KEEP:
        return
    assert head.ttl != KEEP, f"page {page['generation']} of a session that is kept expires"
    last_write = max(head.document["_ts"], head.document["renew_at"] - 1)
    lacking = last_write + head.ttl - page["_ts"] - page["ttl"]
    assert lacking < 0, f"page {page['generation']} goes {lacking} s before its head may"


def check_swept(documents: list[JsonObject], *, rotators: bool = False) -> None:
    """Assert that every page counts; only rotators may have left one that the next of them will count."""
    living = {head.id: head for head in living_heads(documents)}
    for page in (item for item in documents if item["type"] == "page"):
        head = living.get(page["session_id"])
        assert head, f"{page['id']} is left of a session that is gone"
        assert page["epoch"] == head.epoch, f"{page['id']} is left of an epoch that is over"
        assert page["generation"] < head.counted_pages + rotators, f"{page['id']} was never counted"


def check_settled(documents: list[JsonObject]) -> None:
    """Assert that nothing is left for the timer to finish."""
    for document in (item for item in documents if item["type"] == "session"):
        head = Head(document)
        assert not head.is_hidden, "a tombstone is left"
        assert not document["pending"], "something is still pending"
        assert head.building is None, "something is still being built"


def check_lives(documents: list[JsonObject]) -> None:
    """Assert that pages live no longer than goes with their head."""
    for head in living_heads(documents):
        lives = {page["ttl"] for page in counted(documents, head)}
        assert lives <= {page_ttl(head.ttl)}, f"pages live for {lives} s behind a head that lives for {head.ttl} s"


@dataclass
class Victim:
    """An owner whose client was killed at one of its requests, and what the owner saw last."""

    case: Case
    number: int
    sight: Sight


@dataclass
class Victims:
    """One owner for each request of an operation."""

    name: str
    all: list[Victim]

    async def each(self, work: Callable[[Victim], Awaitable[None]]) -> None:
        """Do something for every owner; raises an ExceptionGroup of the failures, each with a note."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def noted(victim: Victim) -> Exception | None:
            async with gate:
                try:
                    await work(victim)
                except Exception as error:  # noqa: BLE001 - each is reported
                    error.add_note(f"{self.name} request {victim.number} of {len(self.all)}")
                    return error
            return None

        done = await asyncio.gather(*map(noted, self.all))
        failures = [failure for failure in done if failure]
        if failures:
            raise ExceptionGroup(f"{len(failures)} of {len(self.all)} kills", failures)
