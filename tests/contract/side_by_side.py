"""A store and a model of it side by side: asked the same, they must answer the same."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.errors import MessageConflictError, ParleyError, SessionNotFoundError
from shared.models import ROLES, Appended, MessageQuery, NewMessage, NewSession, SessionChanges, SessionFilter
from shared.store.port import SessionStore
from tests.builders import all_messages, an_owner, listed
from tests.contract.model import Model, Seen, seen_message, seen_session, seen_stats

BEGAN = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
FILLERS = ("", "", "a few words more ", "漢字 " * 250, "x" * 9000)  # heads rotate, as they do in life
ERASE_SECONDS = 60.0
STALE = '"no-etag-of-this-session"'

Pair = tuple[Callable[[], Awaitable[object]], Callable[[], object]]


@dataclass(frozen=True)
class Operation:
    """One call: a verb on a session of the first or the second owner."""

    verb: str
    owner: int
    session_id: str
    details: dict[str, Any]


def make_messages(numbers: list[int], moment: datetime, version: int = 0) -> list[NewMessage]:
    """Return messages that say the same whenever they bear the same number and version."""
    return [
        NewMessage(
            id=f"m{number}",
            role=ROLES[number % len(ROLES)],
            content=f"{number}.{version} {FILLERS[number % len(FILLERS)]}",
            created_at=moment,
        )
        for number in numbers
    ]


@dataclass
class Both:
    """A store and the model beside it, asked the same."""

    store: SessionStore
    model: Model = field(default_factory=Model)
    owners: list[str] = field(default_factory=lambda: [an_owner(), an_owner()])
    steps: int = 0
    etags: dict[tuple[str, str], tuple[object, int, str]] = field(default_factory=dict)
    used_etags: set[str] = field(default_factory=set)

    async def ask(self, operation: Operation) -> None:
        """Perform an operation on both and compare the answers, and the session after it."""
        self.steps += 1
        key = self.owners[operation.owner], operation.session_id
        perform = getattr(self, operation.verb)
        from_store, from_model = perform(*key, **operation.details)
        expected, answer = await outcome(as_call(from_model)), await outcome(from_store)
        assert answer == expected, operation
        await self.compare(key)

    async def compare(self, key: tuple[str, str]) -> None:
        """Compare a session, and see that its etag moves with every write, and only then."""
        life = self.model.lives.get(key)
        if life is None:
            with pytest.raises(SessionNotFoundError):
                await self.store.get(*key)
            return
        session = await self.store.get(*key)
        assert seen_session(session) == self.model.get(*key)
        seen_life, writes, seen_etag = self.etags.get(key, (None, 0, ""))
        if seen_life is life and writes == life.writes:
            assert session.etag == seen_etag
        else:
            assert session.etag not in self.used_etags
        self.used_etags.add(session.etag)
        self.etags[key] = (life, life.writes, session.etag)

    async def compare_everything(self) -> None:
        """Compare all sessions with all their messages, both ways."""
        for owner in self.owners:
            await self.ask(Operation("sessions", self.owners.index(owner), "a", {"limit": 100}))
        for key in self.model.lives:
            for order in ("asc", "desc"):
                details = {"limit": 50, "order": order}
                await self.ask(Operation("messages", self.owners.index(key[0]), key[1], details))

    def create(self, user_id: str, session_id: str, numbers: list[int], **fields: Any) -> Pair:
        moment = self.moment()
        new = NewSession(id=session_id, user_id=user_id, created_at=moment, **fields)
        first = make_messages(numbers, moment)

        async def on_store() -> Seen:
            return seen_session(await self.store.create(new, first))

        return on_store, lambda: self.model.create(new, first)

    def append(self, user_id: str, session_id: str, numbers: list[int], version: int) -> Pair:
        sent = make_messages(numbers, self.moment(), version)
        return (
            lambda: self._appended(user_id, session_id, self.store.append(user_id, session_id, sent)),
            lambda: self.model.append(user_id, session_id, sent),
        )

    def replace_tail(self, user_id: str, session_id: str, after_seq: int, numbers: list[int], version: int) -> Pair:
        sent = make_messages(numbers, self.moment(), version)
        return (
            lambda: self._appended(user_id, session_id, self.store.replace_tail(user_id, session_id, after_seq, sent)),
            lambda: self.model.replace_tail(user_id, session_id, after_seq, sent),
        )

    async def _appended(self, user_id: str, session_id: str, call: Awaitable[Appended]) -> Seen:
        appended = await call
        assert appended.etag == (await self.store.get(user_id, session_id)).etag
        seen = {name: value for name, value in dict(appended).items() if name != "etag"}
        return {**seen, "messages": [seen_message(message) for message in appended.messages]}

    def update(self, user_id: str, session_id: str, if_match: str, **changes: Any) -> Pair:
        wanted = SessionChanges(**changes)
        current = self.etags.get((user_id, session_id), (None, 0, STALE))[2]
        etag = {"none": None, "current": current, "stale": STALE}[if_match]

        async def on_store() -> Seen:
            return seen_session(await self.store.update(user_id, session_id, wanted, etag))

        return on_store, lambda: self.model.update(user_id, session_id, wanted, stale=etag == STALE)

    def read(self, user_id: str, session_id: str, limit: int) -> Pair:
        async def on_store() -> object:
            session, page = await self.store.read(user_id, session_id, limit)
            messages = [seen_message(message) for message in page.messages]
            return seen_session(session), messages, page.has_more

        def on_model() -> object:
            session = self.model.get(user_id, session_id)
            messages = self.model.messages(user_id, session_id, MessageQuery(limit=limit))
            return session, messages[:limit], len(messages) > limit

        return on_store, on_model

    def messages(self, user_id: str, session_id: str, **query: Any) -> Pair:
        async def on_store() -> list[Seen]:
            session = await self.store.get(user_id, session_id)
            return [seen_message(message) for message in await all_messages(self.store, session, **query)]

        return on_store, lambda: self.model.messages(user_id, session_id, MessageQuery(**query))

    def sessions(self, user_id: str, _: str, limit: int, **wanted: Any) -> Pair:
        async def on_store() -> list[Seen]:
            return [seen_session(session) for session in await listed(self.store, user_id, limit, **wanted)]

        return on_store, lambda: self.model.sessions(user_id, SessionFilter(**wanted))

    def stats(self, user_id: str, session_id: str) -> Pair:
        async def on_store() -> Seen:
            return seen_stats(await self.store.stats(user_id, session_id))

        return on_store, lambda: self.model.stats(user_id, session_id)

    def clear(self, user_id: str, session_id: str) -> Pair:
        return lambda: self.store.clear(user_id, session_id), lambda: self.model.clear(user_id, session_id)

    def rewind(self, user_id: str, session_id: str, after_seq: int) -> Pair:
        return (
            lambda: self.store.rewind(user_id, session_id, after_seq),
            lambda: self.model.rewind(user_id, session_id, after_seq),
        )

    def erase(self, user_id: str, _: str) -> Pair:
        async def on_store() -> Seen:
            return (await self.store.erase(user_id, ERASE_SECONDS)).model_dump()

        return on_store, lambda: self.model.erase(user_id)

    def delete(self, user_id: str, session_id: str) -> Pair:
        return lambda: self.store.delete(user_id, session_id), lambda: self.model.delete(user_id, session_id)

    def moment(self) -> datetime:
        """Return a moment of the service's clock, a second further with every operation."""
        return BEGAN + timedelta(seconds=self.steps)


def as_call(function: Callable[[], object]) -> Callable[[], Awaitable[object]]:
    """Let the model be awaited like a store."""

    async def call() -> object:
        return function()

    return call


async def outcome(call: Callable[[], Awaitable[object]]) -> object:
    """Return what a call returned, or what it raised, in a form that compares."""
    try:
        return await call()
    except MessageConflictError as error:
        return type(error), error.ids
    except ParleyError as error:
        return type(error)
