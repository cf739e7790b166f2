"""Clients that do random things to one session and check every answer against the truth."""

import random
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.errors import (
    MessageConflictError,
    MessageNotFoundError,
    PreconditionFailedError,
    SessionArchivedError,
    SessionExistsError,
    SessionNotFoundError,
    StoreError,
)
from shared.freshness import fresh_as
from shared.models import Message, MessagePage, MessageQuery, NewMessage, NewSession, SessionChanges
from shared.store.cosmos import CosmosStore
from shared.store.cosmos.versions import Version
from tests.cosmos.truth import Deed, State, Truth, require
from tests.cosmos.turns import Turnstile, lsn_of

START = datetime(2026, 1, 1, tzinfo=UTC)
TTLS = (20, 40, 90, 400, -1)
PAGE_LIMITS = (3, 10, 200)
READS = {"get", "read", "read_messages"}
HINT_TRIES = 2  # of a read that no replica serves, after which what the client claims to have seen is let go
VERBS = {
    "append": 34,
    "append a batch": 10,
    "repeat": 8,
    "repeat a part": 2,
    "read": 8,
    "page through": 8,
    "edit": 8,
    "rename": 5,
    "rename if unchanged": 5,
    "change ttl": 9,
    "pin": 5,
    "rewind": 6,
    "replace a tail": 6,
    "archive": 2,
    "restore": 4,
    "maintain": 2,
    "clear": 4,
    "delete": 4,
    "create": 4,
}
DEEP = {
    "append": 10,
    "append a batch": 40,
    "rewind": 16,
    "replace a tail": 12,
    "clear": 6,
    "maintain": 8,
    "read": 4,
    "page through": 8,
    "create": 4,
}


@dataclass(frozen=True)
class Name:
    """The one session that all clients of a schedule work on."""

    user_id: str
    session_id: str


@dataclass(frozen=True)
class Place:
    """One of the instances that a client's calls may arrive at: its store, behind the client's gates."""

    store: CosmosStore
    turnstile: Turnstile


class Client:
    """Does one thing after another, chosen by the seed, and knows what each answer may be.

    Each call arrives at any of the instances. A client that hands tokens on may be shown nothing older than what it
    was shown before, any other nothing older than what the instance has seen.
    """

    def __init__(  # what a client consists of
        self,
        number: int,
        places: list[Place],
        name: Name,
        truth: Truth,
        seed: random.Random,
        *,
        numbers: Iterator[int],
        hands_on: bool,
        verbs: Mapping[str, int],
    ) -> None:
        """Work on the session through these stores; `verbs` says how often what is done.

        `numbers` tell apart what all clients of a schedule say; they begin anew with each, as a longer id fills the
        head sooner, so that a seed would mean something else after other schedules.
        """
        self.number, self._places, self._name, self._truth, self._seed = number, places, name, truth, seed
        self._store = places[0].store
        self._hands_on, self._token = hands_on, None
        self._numbers, self._verbs = numbers, verbs
        self._sent: list[list[NewMessage]] = []
        self._missed = False
        self.marks: list[tuple[Message, str]] = []  # edits that were acknowledged
        self.deed = Deed(number, "nothing", [], 0)

    async def work(self, deeds: int) -> None:
        """Do that many things."""
        for _ in range(deeds):
            verb = self._seed.choices(list(self._verbs), list(self._verbs.values()))[0]
            if self._missed and self._seed.random() < 0.7:
                verb = "create"
            self._missed = False
            await getattr(self, "_" + verb.replace(" ", "_"))()

    async def _do(
        self,
        verb: str,
        call: Callable[[], Awaitable[Any]],
        ids: list[str],
        if_match: str | None = None,
        sought: str = "",
        after: int = 0,
    ) -> Any:
        """Run one call; None if it failed as it may, the failure judged."""
        place = self._seed.choice(self._places)
        self._store = place.store
        self.deed = deed = Deed(self.number, verb, ids, self._truth.now, if_match, sought, after)
        refused, seen = place.turnstile.refused, place.turnstile.instance.reached
        shown_before = lsn_of(self._token)
        try:
            with fresh_as(self._token) as fresh:
                try:
                    return await call()
                finally:
                    deed.refused = place.turnstile.refused - refused
                    self._see(deed, seen, shown_before)
                    if self._hands_on:
                        self._token = fresh.token or self._token
        except SessionNotFoundError:
            self._missed = True
            judge = self._truth.shown if verb in READS else self._truth.some
            require(judge(deed, lambda state: not state.document), f"{verb} did not find a living session")
        except SessionArchivedError:
            require(self._truth.some(deed, _archived), "it is not archived")
        except SessionExistsError:
            require(self._truth.some(deed, lambda state: state.document is not None), "nothing by that id exists")
        except MessageConflictError as conflict:
            named = conflict.ids
            require(self._truth.some(deed, lambda state: self._conflicts(state, deed, named)), f"{verb}: no conflict")
        except MessageNotFoundError:
            require(self._truth.some(deed, lambda state: not self._kept(state, deed.sought)), f"{deed.sought} is there")
        except PreconditionFailedError:
            require(if_match and self._truth.some(deed, lambda state: _etag(state) != if_match), "it has that etag")
        except StoreError as error:
            moved = self._truth.now - deed.start
            hindered = deed.faults or deed.refused or moved > 3
            require(hindered, f"{verb} failed with {error!r} although nothing hindered it")
        finally:
            deed.end = self._truth.now
        return None

    def _see(self, deed: Deed, seen: int, shown_before: int) -> None:
        """Say how old a state a read may have answered from: where two tries met no replica, a hint is let go."""
        asked = seen if deed.refused >= HINT_TRIES else max(seen, shown_before)
        deed.oldest = self._truth.place(asked) if len(self._places) > 1 else None

    def _kept(self, state: State, message_id: str) -> bool:
        return message_id in dict(self._truth.ids(state, state.seqs)).values()

    def _conflicts(self, state: State, deed: Deed, named: list[str]) -> bool:
        is_tail = deed.verb == "replace_tail"
        seqs = range(state.seqs.start, min(state.seqs.stop, deed.after + 1)) if is_tail else state.seqs
        kept = dict(self._truth.ids(state, seqs)).values()
        found = [message_id for message_id in deed.ids if message_id in kept]
        return (is_tail or len(found) < len(deed.ids)) and found == named

    # What clients do

    async def _append(self) -> None:
        await self._send(self._messages(self._seed.randint(1, 6)))

    async def _append_a_batch(self) -> None:
        await self._send(self._messages(self._seed.randint(7, 20)))

    async def _repeat(self) -> None:
        if self._sent:
            await self._send([self._again(message) for message in self._seed.choice(self._sent[-3:])])

    async def _repeat_a_part(self) -> None:
        if self._sent:
            await self._send([*map(self._again, self._sent[-1][:1]), *self._messages(2)])

    async def _send(self, messages: list[NewMessage]) -> None:
        self._sent.append(messages)
        ids = [message.id for message in messages]
        user_id, session_id = self._name.user_id, self._name.session_id
        appended = await self._do("append", lambda: self._store.append(user_id, session_id, messages), ids)
        if appended is None:
            return
        placed = _placed(appended.messages)
        require([message_id for _, message_id in placed] == ids, "an append answered with other messages")
        require(appended.created == bool(self.deed.applied), f"created is {appended.created}: {self.deed.applied}")
        require(self._truth.some(self.deed, lambda state: self._holds(state, placed)), f"not where answered: {placed}")

    def _holds(self, state: State, placed: list[tuple[int, str]]) -> bool:
        return set(placed) <= set(self._truth.ids(state, state.seqs))

    async def _read(self) -> None:
        limit = self._seed.choice((1, 5, 30, 200))
        user_id, session_id = self._name.user_id, self._name.session_id
        found = await self._do("read", lambda: self._store.read(user_id, session_id, limit), [])
        if found is None:
            return
        session, page = found
        placed = _placed(page.messages)
        require(
            len(placed) == min(limit, session.message_count), "the messages read are of another moment than the session"
        )
        newest = self._truth.shown(
            self.deed,
            lambda state: self._truth.ids(state, state.seqs[-limit:])[::-1] == placed and _etag(state) is not None,
        )
        require(newest, f"never were the newest: {placed}")

    async def _page_through(self) -> None:
        order = self._seed.choice(("asc", "desc"))
        query = MessageQuery(limit=self._seed.choice(PAGE_LIMITS), order=order)
        for _ in range(6):
            page = await self._read_page(query)
            if page is None or not page.has_more:
                return
            bound = {"after" if order == "asc" else "before": page.next_seq}
            query = query.model_copy(update=bound | {"page_hint": page.page_hint})

    async def _read_page(self, query: MessageQuery) -> MessagePage | None:
        user_id, session_id = self._name.user_id, self._name.session_id
        page = await self._do("read_messages", lambda: self._store.read_messages(user_id, session_id, query), [])
        if page is not None:
            placed = _placed(page.messages)
            require(
                self._truth.shown(self.deed, lambda state: self._page(state, query) == placed), f"never were: {placed}"
            )
        return page

    def _page(self, state: State, query: MessageQuery) -> list[tuple[int, str]]:
        after, before = query.after or 0, query.before or 10**9
        inside = [placed for placed in self._truth.ids(state, state.seqs) if after < placed[0] < before]
        return (inside if query.order == "asc" else inside[::-1])[: query.limit]

    async def _rename(self) -> None:
        await self._update(session_name=f"name {next(self._numbers)}")

    async def _edit(self) -> None:
        """Add a mark to some message's metadata, beside those that others add."""
        if not self._sent:
            return
        sought, mark = self._seed.choice(self._seed.choice(self._sent[-5:])).id, f"mark {next(self._numbers)}"
        user_id, session_id = self._name.user_id, self._name.session_id

        def marked(message: Message) -> Message:
            return message.model_copy(update={"metadata": message.metadata | {mark: self.number}})

        edited = await self._do(
            "edit", lambda: self._store.edit_message(user_id, session_id, sought, marked), [], sought=sought
        )
        if edited is not None:
            self.marks.append((edited.message, mark))

    async def _rename_if_unchanged(self) -> None:
        user_id, session_id = self._name.user_id, self._name.session_id
        session = await self._do("get", lambda: self._store.get(user_id, session_id), [])
        if session:
            await self._update(session.etag, session_name=f"name {next(self._numbers)}")

    async def _change_ttl(self) -> None:
        await self._update(ttl_seconds=self._seed.choice(TTLS))

    async def _pin(self) -> None:
        await self._update(pinned=self._seed.random() < 0.5)

    async def _update(self, if_match: str | None = None, **changes: Any) -> None:
        user_id, session_id = self._name.user_id, self._name.session_id
        given = SessionChanges(**changes)
        session = await self._do(
            "update", lambda: self._store.update(user_id, session_id, given, if_match), [], if_match
        )
        if session is not None:
            told = self._truth.some(self.deed, lambda state: _etag(state) == session.etag)
            require(told, "an update answered with a session that never was")
            made = all(getattr(session, name) == value for name, value in changes.items())
            require(made, "an update was not made")

    async def _archive(self) -> None:
        await self._update(is_active=False)

    async def _restore(self) -> None:
        await self._update(is_active=True)

    def _place(self) -> int:
        """Choose a seq that is among the newest, or far down."""
        last = self._truth.last.document["last_seq"] if self._truth.last.document else 0
        return max(0, last - self._seed.choice((0, 1, 3, 8, 15, 30, 1_000)))

    async def _replace_a_tail(self) -> None:
        """Put other messages in the place of some of the newest, some of which may be kept ones, or none."""
        after, messages = self._place(), self._messages(self._seed.choice((0, 1, 4, 20)))
        if self._sent and self._seed.random() < 0.2:
            messages = [self._again(message) for message in self._seed.choice(self._sent[-3:])]
        ids = [message.id for message in messages]
        self._sent += [messages] if messages else []
        user_id, session_id = self._name.user_id, self._name.session_id
        appended = await self._do(
            "replace_tail",
            lambda: self._store.replace_tail(user_id, session_id, after, messages),
            ids,
            after=after,
        )
        if appended is None:
            return
        placed = _placed(appended.messages)
        require([message_id for _, message_id in placed] == ids, "a new tail was answered with other messages")
        require(appended.created == bool(self.deed.applied), f"created is {appended.created}: {self.deed.applied}")
        told = self._truth.some(self.deed, lambda state: self._truth.ids(state, state.seqs)[-len(ids) :] == placed)
        require(not ids or told, f"never was the end: {placed}")

    async def _rewind(self) -> None:
        """Cut off some of the newest messages, or nearly all of them."""
        after = self._place()
        user_id, session_id = self._name.user_id, self._name.session_id
        done = await self._do("rewind", lambda: self._told(self._store.rewind(user_id, session_id, after)), [])
        if done:
            require(self._truth.some(self.deed, lambda state: _ends_by(state, after)), "a rewind left what is newer")

    async def _maintain(self) -> None:
        await self._do("maintain", lambda: self._store.maintain(100), [])

    async def _told(self, call: Awaitable[None]) -> bool:
        await call
        return True

    async def _clear(self) -> None:
        user_id, session_id = self._name.user_id, self._name.session_id
        await self._do("clear", lambda: self._store.clear(user_id, session_id), [])

    async def _delete(self) -> None:
        user_id, session_id = self._name.user_id, self._name.session_id
        await self._do("delete", lambda: self._store.delete(user_id, session_id), [])

    async def _create(self) -> None:
        session = NewSession(
            id=self._name.session_id,
            user_id=self._name.user_id,
            ttl_seconds=self._seed.choice(TTLS),
            created_at=START + timedelta(seconds=next(self._numbers)),
        )
        messages = self._messages(self._seed.choice((0, 0, 1, 20)))
        await self._do("create", lambda: self._store.create(session, messages), [message.id for message in messages])

    def _messages(self, number: int) -> list[NewMessage]:
        return [
            NewMessage(
                id=f"m{next(self._numbers)}",
                role="user",
                content="said " * self._seed.randint(1, 12),
                created_at=START + timedelta(seconds=next(self._numbers)),
            )
            for _ in range(number)
        ]

    def _again(self, message: NewMessage) -> NewMessage:
        return message.model_copy(update={"created_at": START + timedelta(seconds=next(self._numbers))})


def _placed(messages: list[Message]) -> list[tuple[int, str]]:
    return [(message.seq, message.id) for message in messages]


def _archived(state: State) -> bool:
    return state.document is not None and state.document["status"] == "archived"


def _ends_by(state: State, seq: int) -> bool:
    return state.document is None or state.document["last_seq"] <= max(seq, state.seqs.start - 1)


def _etag(state: State) -> str | None:
    return Version.of(state.document).etag if state.document else None
