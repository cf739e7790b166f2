"""The archival run: what it archives, what it leaves, how it ends, and what it says about it.

`PARLEY_ARCHIVE_SESSIONS=5000` makes the big run on Cosmos DB as big as on SQLite (it takes a while
to create them).
"""

import asyncio
import json
import logging
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from shared import archival
from shared.archival import Plan, Report, run
from shared.errors import StoreUnavailableError
from shared.models import IdleSession, NewSession, Session, SessionChanges, utc_now
from shared.settings import load_settings
from shared.store.cosmos import CosmosStore
from shared.store.port import SessionStore
from shared.store.sqlite import SqliteStore
from shared.store.sqlite import sessions as session_table
from shared.store.sqlite.database import Transaction
from tests.builders import a_message, a_session, an_owner, fill, listed
from tests.cosmos_server.launch import ANY_KEY
from tests.tiers import slow_but

ROOT = Path(__file__).parents[2]
IDLE_DAYS = 30
LONG_AGO = timedelta(days=IDLE_DAYS, hours=1)
PLAN = Plan(idle_seconds=IDLE_DAYS * 86_400)
OWNERS = 50
LONG = "a rather long description of the one who speaks here " * 4
MANY_ON_COSMOS = int(os.environ.get("PARLEY_ARCHIVE_SESSIONS", "800"))
MANY = {"sqlite": 5000, "cosmos": MANY_ON_COSMOS}


@pytest_asyncio.fixture(params=["sqlite", "cosmos"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SessionStore]:
    """Open a store that holds nothing yet: a run looks at the sessions of all owners."""
    opened: SessionStore
    if request.param == "sqlite":
        opened = SqliteStore(tmp_path / "parley.db")
    else:
        place = request.getfixturevalue("cosmos_place")
        container = f"archival-{uuid4().hex}"
        opened = CosmosStore(place.endpoint, place.key, place.database, container, emulator=place.emulator)
    yield opened
    await opened.close()


class Through:
    """A store that does something else at one of its verbs and is itself at all others."""

    def __init__(self, store: SessionStore, **instead: Any) -> None:
        self._store, self._instead = store, instead

    def __getattr__(self, verb: str) -> Any:
        return self._instead.get(verb) or getattr(self._store, verb)


def plan(**fields: Any) -> Plan:
    return Plan(**{**asdict(PLAN), **fields})


def idle_one(number: int = 0, **fields: Any) -> NewSession:
    """Return a session whose last activity is long enough ago, the later the higher its number."""
    made = utc_now() - LONG_AGO + timedelta(seconds=number)
    return a_session(**{"user_id": f"user-{number % OWNERS}", "created_at": made, **fields})


async def create(store: SessionStore, sessions: Sequence[NewSession]) -> list[Session]:
    gate = asyncio.Semaphore(16)

    async def one(session: NewSession) -> Session:
        async with gate:
            return await store.create(session)

    return await asyncio.gather(*(one(session) for session in sessions))


async def create_fast(store: SessionStore, sessions: list[NewSession]) -> None:
    """Create very many, on SQLite in one transaction."""
    if not isinstance(store, SqliteStore):
        await create(store, sessions)
        return

    def insert(transaction: Transaction) -> None:
        for session in sessions:
            session_table.insert(transaction, session, [], 1, lease=None)

    await store._database.write(insert)


async def status_of(store: SessionStore, sessions: Sequence[NewSession]) -> list[str]:
    return [(await store.get(session.user_id, session.id)).status for session in sessions]


async def archived_in(store: SessionStore) -> set[str]:
    """Return the ids of everything archived, of all owners of these tests."""
    found = [await listed(store, f"user-{number}", status="archived") for number in range(OWNERS)]
    return {session.id for sessions in found for session in sessions}


def failing_for(store: SessionStore, bad: NewSession, error: Exception) -> Any:
    async def archive_idle(session: IdleSession) -> bool:
        if session.id == bad.id:
            raise error
        return await store.archive_idle(session)

    return Through(store, archive_idle=archive_idle)


def slow(store: SessionStore, seconds: float) -> Any:
    async def archive_idle(session: IdleSession) -> bool:
        await asyncio.sleep(seconds)
        return await store.archive_idle(session)

    return Through(store, archive_idle=archive_idle)


# What is archived


@pytest.mark.parametrize("share", slow_but({"some": 0.1, "all": 1.0}, "some"))
async def test_of_very_many_sessions_the_idle_ones_are_archived_and_no_other(store: SessionStore, share: float) -> None:
    count = int(MANY[store.name] * share)
    idle = [idle_one(number) for number in range(count * 2 // 5)]
    busy = [idle_one(number, created_at=utc_now()) for number in range(count - len(idle))]
    await create_fast(store, idle + busy)

    report = await run(store, PLAN)

    assert (report.scanned, report.archived, report.skipped, report.failed) == (len(idle), len(idle), 0, 0)
    assert await archived_in(store) == {session.id for session in idle}
    assert (await run(store, PLAN)).scanned == 0


async def test_pinned_archived_and_deleted_sessions_are_not_looked_at(store: SessionStore) -> None:
    idle, _, archived, deleted = await create(store, [idle_one(), idle_one(pinned=True), idle_one(), idle_one()])
    before = await store.update(archived.user_id, archived.id, SessionChanges(is_active=False))
    await store.delete(deleted.user_id, deleted.id)

    assert (await run(store, PLAN)).scanned == 1
    assert await status_of(store, [idle]) == ["archived"]
    assert await store.get(archived.user_id, archived.id) == before


async def test_long_sessions_are_archived_with_everything(store: SessionStore) -> None:
    sessions = await create(store, [idle_one(number) for number in range(3)])
    for session in sessions:
        await fill(store, session, 60, persona=LONG, created_at=session.created_at)

    report = await run(store, PLAN)

    assert report.archived == 3
    assert [(await store.stats(each.user_id, each.id)).message_count for each in sessions] == [60, 60, 60]


@pytest.mark.parametrize(("days_later", "archived"), [(-2, 0), (0, 1), (29, 1), (31, 2)])
async def test_idle_is_counted_from_the_moment_given(store: SessionStore, days_later: int, archived: int) -> None:
    await create(store, [idle_one(), idle_one(created_at=utc_now())])

    report = await run(store, PLAN, now=utc_now() + timedelta(days=days_later))

    assert report.archived == archived


@pytest.mark.parametrize("batch_size", [1, 3, 7, 10, 100])
async def test_batches_of_any_size_reach_every_session(store: SessionStore, batch_size: int) -> None:
    moments = [utc_now() - LONG_AGO] * 6 + [utc_now() - LONG_AGO * 2] * 4
    sessions = await create(store, [idle_one(number, created_at=at) for number, at in enumerate(moments)])
    told: list[int] = []

    report = await run(store, plan(batch_size=batch_size), progress=told.append)

    assert (report.scanned, report.archived) == (10, 10)
    assert sum(told) == 10
    assert set(await status_of(store, sessions)) == {"archived"}


async def test_no_more_are_under_way_than_the_plan_says(store: SessionStore) -> None:
    await create(store, [idle_one(number) for number in range(12)])
    under_way: list[int] = [0]

    async def archive_idle(session: IdleSession) -> bool:
        under_way.append(under_way[-1] + 1)
        try:
            return await store.archive_idle(session)
        finally:
            under_way.append(under_way[-1] - 1)

    report = await run(Through(store, archive_idle=archive_idle), plan(concurrency=3))  # type: ignore[arg-type]

    assert report.archived == 12
    assert max(under_way) == 3


# Beside itself, beside its users, and after failures


async def test_a_second_run_does_nothing(store: SessionStore) -> None:
    sessions = await create(store, [idle_one(number) for number in range(5)])
    await run(store, PLAN)
    before = [await store.get(session.user_id, session.id) for session in sessions]

    report = await run(store, PLAN)

    assert (report.scanned, report.archived) == (0, 0)
    assert [await store.get(session.user_id, session.id) for session in sessions] == before


async def test_two_runs_at_once_archive_each_session_once(store: SessionStore) -> None:
    sessions = await create(store, [idle_one(number) for number in range(60)])

    reports = await asyncio.gather(*(run(store, plan(batch_size=20)) for _ in range(2)))

    assert sum(report.archived for report in reports) == 60
    assert [report.failed for report in reports] == [0, 0]
    assert set(await status_of(store, sessions)) == {"archived"}


async def test_two_runs_at_once_archive_each_long_session_once(store: SessionStore) -> None:
    sessions = await create(store, [idle_one(number) for number in range(6)])
    for session in sessions:
        await fill(store, session, 60, persona=LONG, created_at=session.created_at)

    reports = await asyncio.gather(*(run(store, PLAN) for _ in range(3)))

    assert sum(report.archived for report in reports) == 6
    assert sum(report.failed for report in reports) == 0


async def test_a_session_that_is_used_between_the_query_and_its_turn_is_not_archived(store: SessionStore) -> None:
    used, idle = await create(store, [idle_one(0), idle_one(1)])

    async def idle_sessions(*arguments: Any) -> list[IdleSession]:
        found = await store.idle_sessions(*arguments)
        await store.append(used.user_id, used.id, [a_message()])
        return found

    report = await run(Through(store, idle_sessions=idle_sessions), PLAN)  # type: ignore[arg-type]

    assert (report.scanned, report.archived, report.skipped, report.failed) == (2, 1, 1, 0)
    assert await status_of(store, [used, idle]) == ["active", "archived"]


@pytest.mark.parametrize("error", [StoreUnavailableError(), KeyError("a field that every session has")])
@pytest.mark.parametrize("batch_size", [1, 100])
async def test_a_session_that_always_fails_does_not_stop_the_others(
    store: SessionStore, error: Exception, batch_size: int
) -> None:
    bad, *others = await create(store, [idle_one(number) for number in range(5)])

    report = await run(failing_for(store, bad, error), plan(batch_size=batch_size))

    assert (report.scanned, report.archived, report.failed, report.skipped) == (5, 4, 1, 0)
    assert await status_of(store, [bad, *others]) == ["active", *["archived"] * 4]


async def test_what_failed_is_archived_by_the_next_run(store: SessionStore) -> None:
    bad, *_ = await create(store, [idle_one(number) for number in range(3)])
    await run(failing_for(store, bad, StoreUnavailableError()), PLAN)

    report = await run(store, PLAN)

    assert (report.scanned, report.archived, report.failed) == (1, 1, 0)


async def test_a_store_that_fails_half_way_is_an_error_and_reported_as_far_as_it_went(
    store: SessionStore, caplog: pytest.LogCaptureFixture
) -> None:
    await create(store, [idle_one(number) for number in range(4)])

    async def idle_sessions(since: datetime, limit: int, after: IdleSession | None) -> list[IdleSession]:
        if after is not None:
            raise StoreUnavailableError
        return await store.idle_sessions(since, limit, after)

    caplog.set_level(logging.INFO, "parley.events")
    with pytest.raises(StoreUnavailableError):
        await run(Through(store, idle_sessions=idle_sessions), plan(batch_size=2))  # type: ignore[arg-type]

    told = json.loads(caplog.records[-1].message)
    assert (told["archived"], told["broken_off"], caplog.records[-1].levelname) == (2, True, "WARNING")


# The budget


async def test_a_run_over_its_budget_stops_in_time_and_says_so(store: SessionStore) -> None:
    await create(store, [idle_one(number) for number in range(40)])

    report = await run(slow(store, 0.05), plan(concurrency=2, batch_size=10, budget_seconds=0.3))

    assert report.budget_ended
    assert 0.3 <= report.seconds < 1.5
    assert 0 < report.archived < 40
    assert report.archived + report.skipped == report.scanned


async def test_the_next_run_finishes_what_the_budget_left(store: SessionStore) -> None:
    sessions = await create(store, [idle_one(number) for number in range(40)])
    first = await run(slow(store, 0.05), plan(concurrency=2, batch_size=10, budget_seconds=0.3))

    second = await run(store, PLAN)

    assert first.archived + second.archived == 40
    assert not second.budget_ended
    assert set(await status_of(store, sessions)) == {"archived"}


async def test_without_a_budget_nothing_is_done(store: SessionStore) -> None:
    sessions = await create(store, [idle_one()])

    report = await run(store, plan(budget_seconds=0))

    assert (report.scanned, report.archived, report.budget_ended) == (0, 0, True)
    assert await status_of(store, sessions) == ["active"]


# What it says


async def test_a_dry_run_counts_and_writes_nothing(store: SessionStore) -> None:
    sessions = await create(store, [idle_one(number) for number in range(7)])
    told: list[int] = []

    report = await run(store, plan(batch_size=3), dry_run=True, progress=told.append)

    assert (report.scanned, report.archived, report.skipped, report.failed, report.tidied) == (7, 0, 0, 0, 0)
    assert sum(told) == 7
    assert [await store.get(session.user_id, session.id) for session in sessions] == sessions


async def test_where_there_is_nothing_to_do_the_report_says_so(store: SessionStore) -> None:
    report = await run(store, PLAN)

    done = {name: value for name, value in asdict(report).items() if value}
    assert done.keys() <= {"request_units", "seconds", "store_requests"}


async def test_the_report_counts_what_the_store_charged(store: SessionStore) -> None:
    await create(store, [idle_one(number) for number in range(3)])

    report = await run(store, PLAN)

    assert (report.request_units > 0) == (store.name == "cosmos")
    assert report.seconds > 0


async def test_one_line_of_json_is_logged(store: SessionStore, caplog: pytest.LogCaptureFixture) -> None:
    await create(store, [idle_one(number) for number in range(3)])
    caplog.set_level(logging.INFO, "parley.events")

    report = await run(store, PLAN)

    (record,) = [record for record in caplog.records if record.message.startswith('{"event": "archival"')]
    told = json.loads(record.message)
    assert told | asdict(report) | {"dry_run": False, "broken_off": False} == told
    assert report.archived == 3


async def test_a_late_run_is_logged_as_late(store: SessionStore, caplog: pytest.LogCaptureFixture) -> None:
    await run(store, PLAN, past_due=True)

    assert [record.levelname for record in caplog.records if "late" in record.message] == ["WARNING"]


async def test_what_failed_is_logged_without_saying_whose_it_is(
    store: SessionStore, caplog: pytest.LogCaptureFixture
) -> None:
    (bad,) = await create(store, [idle_one(user_id=an_owner())])

    await run(failing_for(store, bad, StoreUnavailableError()), PLAN)

    record, report = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "could not be archived" in record.message
    assert json.loads(report.message)["failed"] == 1
    assert bad.user_id not in caplog.text


async def test_what_a_crash_left_is_finished_and_counted(store: SessionStore) -> None:
    await LEAVE[store.name](store)

    report = await run(store, PLAN)

    assert report.tidied == 1
    assert (await run(store, PLAN)).tidied == 0


async def patch_head(store: Any, session: Session, **fields: object) -> None:
    operations = [{"op": "set", "path": f"/{name}", "value": value} for name, value in fields.items()]
    await store._items.of(session.user_id).patch(session.id, operations, "true")


async def leave_a_tombstone(store: Any) -> None:
    """Delete a session as far as its tombstone."""
    session = await store.create(a_session(an_owner()))
    await patch_head(store, session, status="deleted", pending=True)


async def leave_something_expired(store: Any) -> None:
    """Create a session that is over and takes several transactions to remove."""
    store._database._clock = lambda: utc_now() - timedelta(days=1)
    await fill(store, await store.create(a_session(an_owner())), 1100)
    store._database._clock = utc_now


LEAVE: dict[str, Callable[[Any], Any]] = {"cosmos": leave_a_tombstone, "sqlite": leave_something_expired}


@pytest.mark.parametrize("store", ["cosmos"], indirect=True)
@pytest.mark.parametrize("batch_size", [1, 100])
async def test_a_rewind_under_way_is_left_alone_and_keeps_nothing_waiting(store: SessionStore, batch_size: int) -> None:
    for _ in range(3):
        session = await store.create(a_session(an_owner()))
        building = {"epoch": "0123456789", "since": int(utc_now().timestamp())}
        await patch_head(store, session, building=building, pending=True)
        await leave_a_tombstone(store)

    report = await run(store, plan(batch_size=batch_size, budget_seconds=5))

    assert (report.tidied, report.budget_ended) == (3, False)


# By hand


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Make a data file with three sessions, two of them idle."""
    path = tmp_path / "by hand.db"

    async def make() -> None:
        store = SqliteStore(path)
        await create(store, [idle_one(0), idle_one(1), idle_one(2, created_at=utc_now())])
        await store.close()

    asyncio.run(make())
    return path


def by_hand(file: Path, *arguments: str, **settings: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "shared.archival", *arguments]
    environment = {"PATH": os.environ["PATH"], "STORE": "sqlite", "SQLITE_PATH": str(file), **settings}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def test_by_hand_a_dry_run_tells_what_would_be_archived(file: Path) -> None:
    for _ in range(2):
        code, output, _ = by_hand(file, "--dry-run")

        report = json.loads(output)
        assert code == 0
        assert (report["scanned"], report["archived"]) == (2, 0)


def test_by_hand_it_archives_and_prints_the_report(file: Path) -> None:
    code, output, complaints = by_hand(file)

    assert (code, complaints) == (0, "")
    assert json.loads(output).keys() == asdict(Report()).keys()
    assert (json.loads(output)["archived"], json.loads(output)["failed"]) == (2, 0)
    assert json.loads(by_hand(file)[1])["scanned"] == 0


def test_by_hand_the_settings_decide_what_is_idle(file: Path) -> None:
    _, output, _ = by_hand(file, "--dry-run", ARCHIVE_AFTER_SECONDS=str(60 * 86_400))

    assert json.loads(output)["scanned"] == 0


def test_by_hand_settings_that_cannot_be_used_are_named(file: Path) -> None:
    code, output, complaints = by_hand(file, ARCHIVE_BATCH_SIZE="0", ARCHIVE_AFTER_SECONDS="soon")

    assert (code, output) == (2, "")
    assert "ARCHIVE_BATCH_SIZE" in complaints
    assert "ARCHIVE_AFTER_SECONDS" in complaints
    assert "Traceback" not in complaints


def test_by_hand_a_store_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    newer = tmp_path / "newer.db"
    with closing(sqlite3.connect(newer)) as connection:
        connection.execute("PRAGMA user_version = 999")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"

    of_sqlite = by_hand(newer)
    of_cosmos = by_hand(newer, STORE="cosmos", COSMOS_ENDPOINT=endpoint, COSMOS_KEY=ANY_KEY)

    for (code, output, complaints), reason in ((of_sqlite, "schema 999"), (of_cosmos, "does not answer")):
        assert (code, output, complaints.count("\n")) == (1, "", 1)
        assert reason in complaints


def test_by_hand_failures_make_the_exit_code_1(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def archive_idle(_: IdleSession) -> bool:
        raise StoreUnavailableError

    monkeypatch.setenv("STORE", "sqlite")
    monkeypatch.setattr(archival, "open_store", lambda _: Through(SqliteStore(file), archive_idle=archive_idle))

    assert archival.main([]) == 1
    assert json.loads(capsys.readouterr().out)["failed"] == 2


def test_by_hand_it_runs_where_nothing_draws_progress(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    absent: Any = None
    monkeypatch.setitem(sys.modules, "tqdm", absent)
    monkeypatch.setenv("STORE", "sqlite")
    monkeypatch.setenv("SQLITE_PATH", str(file))

    assert archival.main(["--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out)["scanned"] == 2


def test_the_settings_make_the_plan(tmp_path: Path) -> None:
    given = {"AFTER_SECONDS": "7", "BATCH_SIZE": "8", "CONCURRENCY": "9", "BUDGET_SECONDS": "10"}
    settings = load_settings({f"ARCHIVE_{name}": value for name, value in given.items()}, tmp_path)

    assert Plan.of(settings) == Plan(idle_seconds=7, batch_size=8, concurrency=9, budget_seconds=10)
