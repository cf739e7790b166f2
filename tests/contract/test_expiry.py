"""Each session lives for its own time, counted from its last write; then it does not exist.

The waiting is done once for all tests here: the `lives` fixture plays every life side by side,
looks who is there at the end, and each test asserts one promise about what it saw.
Cosmos DB counts in whole seconds, so a time to live of n may end up to a second early.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from shared.errors import SessionExistsError, SessionNotFoundError
from shared.models import KEEP, Message, MessageQuery, NewMessage, Session, SessionChanges
from shared.store.port import SessionStore
from tests.builders import HOUR, a_message, a_session, all_messages, an_owner, fill, listed, messages
from tests.conftest import OpenStore

SHORT_SECONDS = 1
TTL_SECONDS = 3
WRITE_AFTER_SECONDS = 1.5
LOOK_AFTER_SECONDS = 3.2  # the first ttl is over, one that began again at the write is not
LONG = "a rather long description of the one who speaks here " * 4

Deed = Callable[[SessionStore, Session], Awaitable[object]]
DEEDS: dict[str, Deed] = {
    "appended": lambda store, session: store.append(session.user_id, session.id, [a_message()]),
    "appended a batch": lambda store, session: store.append(session.user_id, session.id, messages(20)),
    "renamed": lambda store, session: change(store, session, session_name="new"),
    "cleared": lambda store, session: store.clear(session.user_id, session.id),
    "pinned later": lambda store, session: change(store, session, pinned=True),
    "lengthened": lambda store, session: change(store, session, ttl_seconds=HOUR),
    "read": lambda store, session: store.read(session.user_id, session.id, 10),
    "left alone": lambda _store, _session: asyncio.sleep(0),
}


@dataclass
class Lives:
    """Sessions by the name of their life: as they began, and as they were in the end, None for the expired."""

    owner: str
    began: dict[str, Session] = field(default_factory=dict)
    ended: dict[str, Session | None] = field(default_factory=dict)
    sent: list[NewMessage] = field(default_factory=lambda: messages(3))
    long_history: list[Message] = field(default_factory=list)
    long_history_left: list[Message] = field(default_factory=list)


async def change(store: SessionStore, session: Session, **changes: Any) -> Session:
    return await store.update(session.user_id, session.id, SessionChanges(**changes))


async def begin(store: SessionStore, lives: Lives) -> None:
    async def create(name: str, first: list[NewMessage], **fields: Any) -> None:
        lives.began[name] = await store.create(a_session(lives.owner, **fields), first)

    short = {"ttl_seconds": SHORT_SECONDS}
    await asyncio.gather(
        *(create(name, [], ttl_seconds=TTL_SECONDS) for name in DEEDS),
        *(create(name, lives.sent, **short) for name in ("gone", "free", "free for the same", "listed once")),
        create("shortened", lives.sent),
        create("pinned", [], pinned=True, **short),
        create("kept", [], ttl_seconds=KEEP),
    )
    await change(store, lives.began["shortened"], **short)
    lives.long_history = await fill(store, lives.began["lengthened"], 80, persona=LONG)


async def look(store: SessionStore, session: Session) -> Session | None:
    try:
        return await store.get(session.user_id, session.id)
    except SessionNotFoundError:
        return None


async def live(store: SessionStore) -> Lives:
    lives = Lives(an_owner())
    await begin(store, lives)
    started = time.monotonic()  # the last of them has begun, however slow the machine is
    await asyncio.sleep(started + WRITE_AFTER_SECONDS - time.monotonic())
    await asyncio.gather(*(deed(store, lives.began[name]) for name, deed in DEEDS.items()))
    await asyncio.sleep(started + LOOK_AFTER_SECONDS - time.monotonic())
    found = await asyncio.gather(*(look(store, session) for session in lives.began.values()))
    lives.ended = dict(zip(lives.began, found, strict=True))
    lives.long_history_left = await all_messages(store, lives.began["lengthened"])
    return lives


@pytest.fixture(scope="module")
def lives(open_store: OpenStore) -> Lives:
    """Play all lives to their end, once for each adapter."""

    async def play() -> Lives:
        store = open_store()
        try:
            return await live(store)
        finally:
            await store.close()

    with asyncio.Runner() as runner:
        return runner.run(play())


@pytest.mark.parametrize("life", ["gone", "shortened", "left alone"])
def test_a_session_is_gone_when_its_time_is_over(lives: Lives, life: str) -> None:
    assert lives.ended[life] is None


@pytest.mark.parametrize("life", ["appended", "appended a batch", "renamed", "cleared", "lengthened"])
def test_a_write_begins_the_time_again(lives: Lives, life: str) -> None:
    before, after = lives.began[life], lives.ended[life]

    assert before.expires_at
    assert after
    assert after.expires_at
    assert after.expires_at > before.expires_at


def test_reading_does_not_prolong_a_life(lives: Lives) -> None:
    assert lives.ended["read"] is None


@pytest.mark.parametrize("life", ["pinned", "pinned later", "kept"])
def test_pinned_and_kept_sessions_stay(lives: Lives, life: str) -> None:
    assert lives.ended[life]


def test_a_longer_life_is_one_for_every_message(lives: Lives) -> None:
    assert len(lives.long_history) == 80
    assert lives.long_history_left == lives.long_history


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("get", ()),
        ("read", (10,)),
        ("read_messages", (MessageQuery(limit=10),)),
        ("stats", ()),
        ("append", ([a_message()],)),
        ("append", (messages(20),)),
        ("update", (SessionChanges(session_name="x"),)),
        ("update", (SessionChanges(),)),
        ("clear", ()),
        ("delete", ()),
    ],
)
async def test_no_verb_finds_an_expired_session(
    store: SessionStore, lives: Lives, verb: str, arguments: tuple[Any, ...]
) -> None:
    with pytest.raises(SessionNotFoundError):
        await getattr(store, verb)(lives.owner, lives.began["gone"].id, *arguments)


async def test_an_append_does_not_revive_an_expired_session(store: SessionStore, lives: Lives) -> None:
    gone = lives.began["gone"]

    with pytest.raises(SessionNotFoundError):
        await store.append(lives.owner, gone.id, [a_message()])

    assert await look(store, gone) is None


async def test_an_expired_session_is_not_listed(store: SessionStore, lives: Lives) -> None:
    found = {session.id for session in await listed(store, lives.owner, status=None)}

    assert lives.began["listed once"].id not in found
    assert lives.began["kept"].id in found


async def test_the_id_of_an_expired_session_is_free(store: SessionStore, lives: Lives) -> None:
    old = lives.began["free"]

    new = await store.create(a_session(lives.owner, id=old.id))

    assert new.message_count == 0
    assert new.etag != old.etag
    assert await all_messages(store, new) == []


async def test_messages_of_an_expired_session_are_not_recognised(store: SessionStore, lives: Lives) -> None:
    new = await store.create(a_session(lives.owner, id=lives.began["free for the same"].id))

    appended = await store.append(lives.owner, new.id, lives.sent)

    assert appended.created
    assert [message.seq for message in appended.messages] == [1, 2, 3]


async def test_the_id_of_a_pinned_session_is_never_free(store: SessionStore, lives: Lives) -> None:
    with pytest.raises(SessionExistsError):
        await store.create(a_session(lives.owner, id=lives.began["pinned"].id))
