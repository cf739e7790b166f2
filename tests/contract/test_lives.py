"""A session of several pages lives exactly as long as it was promised, all of it, whatever was done to it.

The clocks of the store are moved here instead of waiting; the last test waits, on Cosmos DB, where
a page's clock is not its session's.
"""

import asyncio
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from typing_extensions import override

from shared.errors import SessionNotFoundError
from shared.models import Message, Session, SessionChanges, utc_now
from shared.store.cosmos import CosmosStore
from shared.store.port import SessionStore
from shared.store.sqlite import SqliteStore
from tests.builders import a_session, all_messages, an_owner, messages
from tests.conftest import server_or_skip
from tests.cosmos_server.launch import CosmosServer
from tests.inline import Inline
from tests.tiers import slow_but

TTL_SECONDS = 4
ARCHIVE_TTL_SECONDS = 9
PAGES_END_SECONDS = 6  # after their session at the latest, if that was left alone
LONG = "a rather long description of the one who speaks here " * 4


class World(ABC):
    """A store, and the time it goes by."""

    store: SessionStore

    @abstractmethod
    async def wait(self, seconds: int) -> None:
        """Let time pass."""

    @abstractmethod
    async def documents(self, owner: str) -> int:
        """Count everything that is stored of an owner, seen from behind the store."""


class SqliteWorld(World):
    """A file, and a clock that moves when it is told to."""

    def __init__(self, path: Path) -> None:
        self._path, self._ahead = path, timedelta()
        self.store = SqliteStore(path, clock=lambda: utc_now() + self._ahead, archive_ttl_seconds=ARCHIVE_TTL_SECONDS)

    @override
    async def wait(self, seconds: int) -> None:
        self._ahead += timedelta(seconds=seconds)

    @override
    async def documents(self, owner: str) -> int:
        while await self.store.maintain(100):
            pass
        both = (
            "SELECT (SELECT count(*) FROM sessions WHERE user_id = :owner)"
            " + (SELECT count(*) FROM messages WHERE user_id = :owner)"
        )
        with closing(sqlite3.connect(self._path)) as file:
            return int(file.execute(both, {"owner": owner}).fetchone()[0])


class CosmosWorld(World):
    """A server of one's own whose clock moves when it is told to, with the adapter's."""

    def __init__(self, server: CosmosServer) -> None:
        self._server = server
        self.ahead = 0
        place = (server.endpoint, server.key, "lives", "sessions")
        options = {"archive_ttl_seconds": ARCHIVE_TTL_SECONDS, "clock": self.time}
        self.store = CosmosStore(*place, emulator=True, background=Inline(), **options)  # no timer finishes a rest here

    def time(self) -> float:
        return time.time() + self.ahead

    @override
    async def wait(self, seconds: int) -> None:
        self._server.advance(seconds)
        self.ahead += seconds

    @override
    async def documents(self, owner: str) -> int:
        return sum(item["user_id"] == owner for item in self._server.items("lives", "sessions"))


class RealCosmosWorld(CosmosWorld):
    """The same, waited for."""

    @override
    async def wait(self, seconds: int) -> None:
        await asyncio.sleep(seconds)


@pytest.fixture(scope="module")
def server() -> Iterator[CosmosServer]:
    """Run a server for this module, whose clock is moved."""
    with server_or_skip() as running:
        yield running


@pytest_asyncio.fixture(params=["sqlite", "cosmos"], loop_scope="module")
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """Begin a time of its own for each test."""
    made: World
    if request.param == "sqlite":
        made = SqliteWorld(tmp_path / "parley.db")
    else:
        own_server = request.getfixturevalue("server")
        own_server.reset()
        made = CosmosWorld(own_server)
    yield made
    await made.store.close()


class Life:
    """One session, what was said in it, and what happens to it second by second."""

    def __init__(self, world: World, session: Session) -> None:
        self.world, self.session = world, session
        self.said: list[Message] = []

    @classmethod
    async def begin(cls, world: World, **fields: Any) -> "Life":
        """Create a session that lives for four seconds unless told otherwise."""
        fields = {"ttl_seconds": TTL_SECONDS, **fields}
        return cls(world, await world.store.create(a_session(an_owner(), **fields)))

    async def talk(self, seconds: int, every: int = 1) -> None:
        """Append a batch now and then, and see each time that nothing is lost."""
        for _ in range(0, seconds, every):
            await self.world.wait(every)
            sent = messages(9, persona=LONG)
            self.said += (await self.world.store.append(self.session.user_id, self.session.id, sent)).messages
            await self.must_be_whole()

    async def rest(self, seconds: int) -> None:
        """Leave the session alone for a while that it must survive."""
        await self.world.wait(seconds)
        await self.must_be_whole()

    async def change(self, **changes: Any) -> None:
        """Change the session, and see that nothing is lost."""
        await self.world.store.update(self.session.user_id, self.session.id, SessionChanges(**changes))
        await self.must_be_whole()

    async def must_be_whole(self) -> None:
        """Require that every message is there."""
        assert await all_messages(self.world.store, self.session) == self.said

    async def must_end(self, after_seconds: int) -> None:
        """Require that the session, left alone, is gone by then, and all that is stored of it soon after."""
        await self.world.wait(after_seconds)
        with pytest.raises(SessionNotFoundError):
            await self.world.store.get(self.session.user_id, self.session.id)
        await self.world.wait(after_seconds + PAGES_END_SECONDS)
        assert await self.world.documents(self.session.user_id) == 0


async def kept_alive(world: World, seconds: int) -> Life:
    life = await Life.begin(world)
    await life.talk(seconds)
    return life


async def kept_alive_by_little(world: World, seconds: int) -> Life:
    life = await Life.begin(world)
    await life.talk(4)
    await life.talk(seconds, every=TTL_SECONDS - 2)
    return life


async def renamed_now_and_then(world: World, seconds: int) -> Life:
    life = await Life.begin(world)
    await life.talk(4)
    for number in range(0, seconds, 2):
        await life.rest(2)
        await life.change(session_name=f"name {number}")
    return life


async def restored(world: World, seconds: int) -> Life:
    life = await Life.begin(world)
    await life.talk(4)
    await life.change(is_active=False)
    await life.rest(ARCHIVE_TTL_SECONDS - 2)
    await life.change(is_active=True)
    await life.talk(seconds)
    return life


async def in_and_out_of_the_archive(world: World, seconds: int) -> Life:
    life = await Life.begin(world)
    for _ in range(0, seconds, 4):
        await life.talk(2)
        await life.change(is_active=False)
        await life.rest(2)
        await life.change(is_active=True)
    return life


async def given_a_longer_life_and_then_its_own(world: World, seconds: int) -> Life:
    life = await Life.begin(world)
    await life.talk(4)
    await life.change(ttl_seconds=12)
    await life.talk(20, every=10)
    await life.change(ttl_seconds=TTL_SECONDS)
    await life.talk(seconds)
    return life


async def given_a_shorter_life(world: World, seconds: int) -> Life:
    life = await Life.begin(world, ttl_seconds=60)
    await life.talk(6)
    await life.rest(20)
    await life.change(ttl_seconds=TTL_SECONDS)
    await life.talk(seconds)
    return life


async def pinned_for_a_while(world: World, seconds: int) -> Life:
    life = await Life.begin(world)
    await life.talk(4)
    await life.change(pinned=True)
    await life.rest(10)
    await life.talk(2)
    await life.change(pinned=False)
    await life.talk(seconds)
    return life


async def rewound_now_and_then(world: World, seconds: int) -> Life:
    life = await Life.begin(world)
    for _ in range(0, seconds, 4):
        await life.talk(4)
        life.said = life.said[:-14]
        await world.store.rewind(life.session.user_id, life.session.id, len(life.said))
        await life.must_be_whole()
    return life


Story = Callable[[World, int], Awaitable[Life]]
STORIES: list[Story] = [
    kept_alive,
    kept_alive_by_little,
    renamed_now_and_then,
    restored,
    in_and_out_of_the_archive,
    given_a_longer_life_and_then_its_own,
    given_a_shorter_life,
    pinned_for_a_while,
    rewound_now_and_then,
]


@pytest.mark.parametrize("seconds", slow_but({"10 seconds": 10, "20 seconds": 20}, "10 seconds"))
@pytest.mark.parametrize("story", STORIES)
async def test_no_message_goes_before_its_session_and_nothing_stays_behind(
    world: World, story: Story, seconds: int
) -> None:
    life = await story(world, seconds)

    await life.must_end(TTL_SECONDS)


async def test_an_archived_session_left_alone_goes_when_its_archive_time_is_over(world: World) -> None:
    life = await kept_alive(world, 8)
    await life.change(is_active=False)

    await life.rest(ARCHIVE_TTL_SECONDS - 2)
    await life.must_end(ARCHIVE_TTL_SECONDS)


async def test_a_pinned_session_left_alone_stays(world: World) -> None:
    life = await kept_alive(world, 8)
    await life.change(pinned=True)

    await life.rest(400 * 86_400)


@pytest.mark.parametrize("changes", [{"is_active": False}, {"ttl_seconds": 500}, {"pinned": True}, {"ttl_seconds": -1}])
async def test_a_longer_life_given_in_the_last_seconds_is_one_for_every_message(
    world: World, changes: dict[str, Any]
) -> None:
    life = await kept_alive(world, 8)
    await world.wait(TTL_SECONDS - 2)

    await life.change(**changes)

    await life.rest(ARCHIVE_TTL_SECONDS - 2)


@pytest.mark.slow
async def test_in_real_time_it_is_the_same_on_cosmos_db(server: CosmosServer) -> None:
    server.reset()
    world = RealCosmosWorld(server)
    stories = [kept_alive, restored, in_and_out_of_the_archive]

    async def tell(story: Story) -> None:
        life = await story(world, 2 if story is restored else 12)
        await life.must_end(TTL_SECONDS)

    await asyncio.gather(*(tell(story) for story in stories))
    await world.store.close()
