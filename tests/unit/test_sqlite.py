"""What the SQLite store promises beyond the contract: processes, power, clocks and a file that fails."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from shared.errors import SessionNotFoundError, StoreUnavailableError, StoreUnusableError
from shared.models import MessageQuery, SearchQuery, Session, SessionChanges, SessionFilter, utc_now
from shared.store.port import SessionStore
from shared.store.sqlite import SqliteStore, schema, turns
from shared.store.sqlite.presence import Presence
from shared.usage import measured
from tests.builders import a_message, a_session, again, all_messages, fill, listed, messages, until_written

ROOT = Path(__file__).parents[2]
TTL_SECONDS = 100
TICK = timedelta(microseconds=1)
TTL = timedelta(seconds=TTL_SECONDS)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = utc_now()

    def __call__(self) -> Any:
        return self.now


TAKE_LEASE = """
import asyncio, sys, time
from pathlib import Path
from shared.models import Lease
from shared.store.sqlite import SqliteStore

async def take(path, user_id, session_id):
    lease = Lease(reply_id="reply", holder="somebody", until=int(time.time()) + 200)
    store = SqliteStore(Path(path))
    await store.hold_turn(user_id, session_id, lease)
    print("taken", flush=True)
    await asyncio.sleep(60)

asyncio.run(take(*sys.argv[1:]))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a file that does not exist yet, in a folder that does not either."""
    return tmp_path / "data" / "parley.db"


@pytest.fixture
def clock() -> Clock:
    """Stop the store's clock."""
    return Clock()


@pytest_asyncio.fixture
async def store(path: Path, clock: Clock) -> AsyncIterator[SqliteStore]:
    """Open a store whose clock stands still."""
    opened = SqliteStore(path, clock=clock)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def session(store: SqliteStore) -> Session:
    """Store a session that lives for TTL."""
    return await store.create(a_session(ttl_seconds=TTL_SECONDS))


def writer(path: Path, session_id: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.unit.sqlite_writer", str(path), "somebody", session_id, str(count)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def outputs(processes: list[subprocess.Popen[str]]) -> list[list[int]]:
    answers = [process.communicate(timeout=60) for process in processes]
    assert [error for _, error in answers if error] == []
    return [[int(line) for line in output.split()] for output, _ in answers]


def lease_taker(path: Path, user_id: str, session_id: str) -> subprocess.Popen[str]:
    """Start a process that takes a lease, and return when it has."""
    command = [sys.executable, "-c", TAKE_LEASE, str(path), user_id, session_id]
    process = subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == "taken\n"
    return process


@contextmanager
def of_version(number: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Make and open files as an earlier version did, which knew of no leases."""
    with monkeypatch.context() as before:
        before.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:number])
        before.setattr(turns, "end_abandoned", lambda _: None)
        yield before


def put_a_folder(path: Path) -> None:
    path.mkdir(parents=True)


def remove(path: Path) -> None:
    if path.is_dir():
        path.rmdir()
    else:
        path.unlink()


def count_rows(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        query = f"SELECT count(*) FROM {table}"
        return int(connection.execute(query).fetchone()[0])


async def seqs(store: SessionStore, session: Session) -> list[int]:
    return [message.seq for message in await all_messages(store, session)]


async def test_processes_that_append_to_one_session_lose_nothing(path: Path, store: SqliteStore) -> None:
    acknowledged = outputs([writer(path, "shared", 150) for _ in range(3)])

    stored = await seqs(store, await store.get("somebody", "shared"))

    assert stored == list(range(1, 451))
    assert sorted(seq for each in acknowledged for seq in each) == stored


async def test_processes_may_make_the_same_new_file_at_once(path: Path, store: SqliteStore) -> None:
    outputs([writer(path, f"session-{number}", 1) for number in range(8)])

    assert len(await listed(store, "somebody")) == 8


async def test_a_killed_process_leaves_whole_appends_and_all_that_it_acknowledged(
    path: Path, store: SqliteStore
) -> None:
    process = writer(path, "shared", 100_000)
    assert process.stdout
    acknowledged = [int(process.stdout.readline()) for _ in range(200)]
    process.kill()
    process.communicate()

    stored = await seqs(store, await store.get("somebody", "shared"))

    assert stored == list(range(1, len(stored) + 1))
    assert set(acknowledged) <= set(stored)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


@pytest.mark.parametrize("others", [0, 1])
async def test_the_lease_of_a_killed_process_is_over_when_nobody_else_has_the_file_open(
    path: Path, store: SqliteStore, session: Session, others: int
) -> None:
    place = session.user_id, session.id
    await store.close()
    taker = lease_taker(path, *place)
    beside = [SqliteStore(path) for _ in range(others)]
    for each in beside:
        assert (await each.get(*place)).lease, "its holder lives"
    taker.kill()
    taker.communicate()

    opened = SqliteStore(path)
    lease = (await opened.get(*place)).lease

    assert (lease is None) == (not others), "one that has the file open may have taken it"
    assert (await opened.append(*place, [a_message()])).message_count == 1
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    for each in (*beside, opened):
        await each.close()


async def test_a_second_store_in_a_process_leaves_the_locks_of_the_first(
    path: Path, store: SqliteStore, session: Session
) -> None:
    second = SqliteStore(path)
    code = f"import sqlite3; c = sqlite3.connect({str(path)!r}); c.execute('SELECT * FROM sessions'); c.close()"
    beside = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    assert await beside.wait() == 0

    await store.append(session.user_id, session.id, [a_message("after the last but one has closed it")])

    assert (await second.get(session.user_id, session.id)).message_count == 1
    await second.close()
    await store.close()
    assert count_rows(path, "messages") == 1


def test_who_shares_a_data_file_knows_of_the_others(path: Path) -> None:
    path.parent.mkdir()
    first, second, third = (Presence(path) for _ in range(3))

    assert first.enter()
    first.share()
    assert not second.enter()
    first.leave()
    assert not third.enter(), "the second is there still"
    second.leave()
    third.leave()
    assert list(path.parent.iterdir()) == []
    assert first.enter()
    first.leave()


def test_where_a_lock_cannot_be_had_somebody_may_be_there(path: Path) -> None:
    presence = Presence(path)  # in a folder that is not there

    assert not presence.enter()
    presence.share()
    presence.leave()


async def test_a_file_that_cannot_be_tidied_is_opened(
    path: Path, store: SqliteStore, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.close()

    def full(_: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(turns, "end_abandoned", full)
    opened = SqliteStore(path)

    assert await opened.get(session.user_id, session.id) == session
    await opened.close()


async def test_the_file_waits_for_the_disk_before_it_acknowledges(path: Path) -> None:
    with closing(schema.open_connection(path, create=True)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2


async def test_nothing_is_opened_before_the_first_use(path: Path) -> None:
    store = SqliteStore(path)

    assert not path.parent.exists()
    await store.close()


async def test_a_closed_store_leaves_one_file_that_holds_everything(path: Path, clock: Clock) -> None:
    first = SqliteStore(path, clock=clock)
    session = await first.create(a_session(), messages(3))
    await first.get(session.user_id, session.id)
    await first.close()

    assert [each.name for each in path.parent.iterdir()] == [path.name]
    second = SqliteStore(path, clock=clock)
    assert await seqs(second, session) == [1, 2, 3]
    await second.close()


async def test_closing_twice_is_harmless(store: SqliteStore) -> None:
    await store.ping()
    await store.close()
    await store.close()


def test_a_store_serves_one_event_loop_after_another(path: Path) -> None:
    store = SqliteStore(path)
    session = asyncio.run(store.create(a_session(), messages(2)))

    assert asyncio.run(seqs(store, session)) == [1, 2]
    asyncio.run(store.close())


@pytest.mark.parametrize(
    "verb",
    [
        lambda store: store.ping(),
        lambda store: store.get("somebody", "x"),
        lambda store: store.create(a_session()),
    ],
    ids=["ping", "get", "create"],
)
async def test_a_folder_in_place_of_the_file_is_unavailable(
    path: Path, store: SqliteStore, verb: Callable[[SqliteStore], Awaitable[object]]
) -> None:
    put_a_folder(path)

    with pytest.raises(StoreUnavailableError) as caught:
        await verb(store)

    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)


async def test_a_file_in_place_of_the_folder_is_unavailable(path: Path, store: SqliteStore) -> None:
    path.parent.write_text("a file")

    with pytest.raises(StoreUnavailableError):
        await store.ping()


async def test_a_store_recovers_when_its_file_can_be_opened_again(path: Path, store: SqliteStore) -> None:
    put_a_folder(path)
    with pytest.raises(StoreUnavailableError):
        await store.ping()
    remove(path)

    await store.ping()

    assert (await store.create(a_session(id="later"))).id == "later"


async def test_ping_notices_that_the_file_was_removed(path: Path, store: SqliteStore) -> None:
    await store.ping()
    remove(path)

    with pytest.raises(StoreUnavailableError):
        await store.ping()


async def test_a_file_of_an_older_version_finds_what_it_could_not(
    path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with of_version(3, monkeypatch):
        older = SqliteStore(path)
        await older.create(a_session("ann", id="mine"), [a_message("before\0after"), a_message("the day after")])
        assert len((await older.search("ann", SearchQuery(text="after", limit=10))).hits) == 1
    await older.close()

    hits = (await store.search("ann", SearchQuery(text="after", limit=10))).hits
    await store.clear("ann", "mine")

    assert [hit.message.content for hit in hits] == ["the day after", "before\0after"]
    assert (await store.search("ann", SearchQuery(text="after", limit=10))).hits == []


async def test_what_an_older_file_holds_is_found_however_it_is_encoded(
    path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with of_version(4, monkeypatch) as before:
        before.setattr(schema, "fold", str.casefold)
        older = SqliteStore(path)
        await older.create(a_session("ann", id="mine", session_name="cafe\u0301"), [a_message("cafe\u0301")])
    await older.close()

    for sought in ("caf\u00e9", "cafe\u0301"):
        assert len((await store.search("ann", SearchQuery(text=sought, limit=10))).hits) == 1
        assert len(await listed(store, "ann", name=sought)) == 1
    await store.clear("ann", "mine")
    assert (await store.search("ann", SearchQuery(text="caf\u00e9", limit=10))).hits == []


async def test_calls_in_an_older_file_are_found(
    path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with of_version(5, monkeypatch) as before:
        before.setattr(schema, "plain_text", lambda content, _: content)
        older = SqliteStore(path)
        await older.create(a_session("ann", id="mine"), [a_message("hm", function_calls=["take(train)"])])
    await older.close()

    assert len((await store.search("ann", SearchQuery(text="train", limit=10))).hits) == 1
    await store.clear("ann", "mine")
    assert (await store.search("ann", SearchQuery(text="train", limit=10))).hits == []


async def test_a_file_of_a_newer_version_is_refused_by_name_and_told_once(
    path: Path, store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 999")

    for _ in range(3):
        with pytest.raises(StoreUnusableError, match="log"):
            await store.ping()

    (line,) = [record.getMessage() for record in caplog.records]
    assert str(path) in line
    assert "has schema 999" in line


async def test_a_file_that_stays_locked_is_unavailable_and_unchanged(path: Path) -> None:
    store = SqliteStore(path, busy_seconds=0.5)
    session = await store.create(a_session())
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError) as caught:
            await store.append(session.user_id, session.id, [a_message()])

    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
    assert await seqs(store, session) == []
    await store.close()


async def test_readers_do_not_wait_for_a_writer(path: Path, store: SqliteStore, session: Session) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        assert await store.get(session.user_id, session.id) == session


async def test_a_full_disk_is_unavailable_and_stores_nothing(store: SqliteStore, session: Session) -> None:
    def fill_up(transaction: Any) -> None:
        transaction.connection.execute("PRAGMA max_page_count = 1")

    await store._database.write(fill_up)
    with pytest.raises(StoreUnavailableError):
        await store.append(session.user_id, session.id, [a_message("x" * 200_000)])

    assert await store.get(session.user_id, session.id) == session


async def test_cancelled_writes_are_whole_or_absent_and_the_store_goes_on(store: SqliteStore, session: Session) -> None:
    batches = [messages(5) for _ in range(40)]
    tasks = [asyncio.create_task(store.append(session.user_id, session.id, batch)) for batch in batches]
    await until_written(store, session, 20)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    after = await store.append(session.user_id, session.id, [a_message("after")])

    kept = {message.id for message in await all_messages(store, session)}
    assert after.message_count == len(kept) < 201
    assert all(len(kept & {message.id for message in batch}) in {0, 5} for batch in batches)


async def test_a_session_lives_to_the_last_moment_of_its_ttl(
    store: SqliteStore, session: Session, clock: Clock
) -> None:
    clock.now += TTL - TICK

    assert await store.get(session.user_id, session.id) == session


async def test_a_session_is_gone_the_moment_its_ttl_is_over(store: SqliteStore, session: Session, clock: Clock) -> None:
    clock.now += TTL

    with pytest.raises(SessionNotFoundError):
        await store.get(session.user_id, session.id)
    assert await listed(store, session.user_id) == []


@pytest.mark.parametrize("verb", ["append", "update", "clear"])
async def test_the_time_counts_from_the_last_write(
    store: SqliteStore, session: Session, clock: Clock, verb: str
) -> None:
    arguments: dict[str, Any] = {"append": [[a_message()]], "update": [SessionChanges(session_name="x")]}
    clock.now += timedelta(seconds=60)
    await getattr(store, verb)(session.user_id, session.id, *arguments.get(verb, []))

    clock.now += TTL - TICK

    assert (await store.get(session.user_id, session.id)).expires_at == clock.now + TICK


async def test_a_repeat_writes_nothing_and_so_prolongs_nothing(
    store: SqliteStore, session: Session, clock: Clock
) -> None:
    sent = messages(2)
    await store.append(session.user_id, session.id, sent)
    clock.now += timedelta(seconds=60)

    await store.append(session.user_id, session.id, again(sent))

    assert (await store.get(session.user_id, session.id)).expires_at == clock.now - timedelta(seconds=60) + TTL


async def test_creation_over_an_expired_session_removes_its_messages(
    path: Path, store: SqliteStore, session: Session, clock: Clock
) -> None:
    await fill(store, session, 60)
    clock.now += TTL

    await store.create(a_session(id=session.id))

    assert count_rows(path, "messages") == 0
    assert count_rows(path, "sessions") == 1


async def test_writes_to_other_sessions_clear_expired_ones_away(
    path: Path, store: SqliteStore, session: Session, clock: Clock
) -> None:
    await fill(store, session, 1200)
    await store.create(a_session(ttl_seconds=TTL_SECONDS))
    clock.now += TTL

    for _ in range(5):
        await store.create(a_session())

    assert count_rows(path, "messages") == 0
    assert count_rows(path, "sessions") == 5


async def test_of_one_id_imported_twice_the_newest_message_counts(store: SqliteStore) -> None:
    imported = [a_message("old", id="twice"), *messages(150), a_message("new", id="twice")]
    session = await store.create(a_session(), imported)

    repeat = await store.append(session.user_id, session.id, again(imported[-1:]))

    assert [message.seq for message in repeat.messages] == [152]


async def test_an_append_costs_no_more_in_a_long_session(store: SqliteStore, session: Session) -> None:
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    async def steps_of_an_append() -> int:
        before = steps
        await store.append(session.user_id, session.id, [a_message()])
        return steps - before

    await store._database.write(lambda transaction: transaction.connection.set_progress_handler(count, 10))
    in_a_short_session = await steps_of_an_append()
    await fill(store, session, 2000)

    assert await steps_of_an_append() < 2 * in_a_short_session


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("get", ()),
        ("read", (10,)),
        ("read_messages", (MessageQuery(limit=10),)),
        ("stats", ()),
        ("append", ([a_message()],)),
        ("update", (SessionChanges(session_name="x"),)),
        ("clear", ()),
        ("delete", ()),
    ],
)
async def test_every_verb_is_one_request_without_charge(
    store: SqliteStore, session: Session, verb: str, arguments: tuple[Any, ...]
) -> None:
    with measured() as usage:
        await getattr(store, verb)(session.user_id, session.id, *arguments)

    assert (usage.requests, usage.request_units) == (1, 0)


async def test_listing_and_asking_for_a_sign_of_life_are_one_request_each(store: SqliteStore) -> None:
    with measured() as usage:
        await store.list_sessions("somebody", SessionFilter(), 10)
        await store.ping()

    assert usage.requests == 2
