"""Moving out of a PostgreSQL database: read whole, from one snapshot, and never written to."""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from shared.migrate.record import Record, UsageError
from shared.migrate.report import ImportReport
from shared.migrate.run import StoppedError
from shared.models import format_time
from shared.store.port import SessionStore

from .chats import Chat, chats
from .importing import adds_up, everything, histories, import_from, import_text, outcome, source_by
from .postgres_server import server_or_skip
from .postgres_tables import Database, Schema, new_database
from .shapes import postgres_rows
from .systems import one_owner
from .test_interruptions import Folder

LONG = 5000
SESSION = {"id": 1, "session_id": "5f0c", "created_at": "2024-01-01 10:00", "updated_at": "2024-01-01 11:00"}
MESSAGE = {"id": 1, "session_id": "5f0c", "message_id": "m1", "role": "user", "content": "Hello"}
MESSAGE |= {"timestamp": "2024-01-01 10:30:00.5"}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with server_or_skip() as host:
        yield host


@pytest.fixture
def database(server: str) -> Iterator[Database]:
    with new_database(server, Schema()) as made:
        yield made


async def move(database: Database, store: SessionStore | None, owner: str, **options: Any) -> ImportReport:
    source = source_by("postgres")
    return await import_from(store, source, source.origin(database.url()), user_id=owner, **options)


def consultations(owner: str, count: int, long: int = 0) -> tuple[list[Chat], list[dict]]:
    """Return chats, and their rows, numbered over all of them as the database numbers them."""
    made = one_owner(owner, chats(owner, count, long=long))
    rows = [row for number, chat in enumerate(made, 1) for row in _whole(postgres_rows(chat, number), number, chat)]
    messages = sorted((row for row in rows if "message_id" in row), key=lambda row: row["message_id"].split("-")[0])
    messages.sort(key=lambda row: row["id"])
    for number, row in enumerate(messages, 1):
        row["id"] = number
    sessions = [row for row in rows if "message_id" not in row]
    return made, [*sessions, *reversed(messages)]


def _whole(rows: list[dict], number: int, chat: Chat) -> list[dict]:
    """Give a session to the rows that have lost theirs, as the foreign key demands."""
    return rows if "message_id" not in rows[0] else [{"id": number, "session_id": chat.id}, *rows]


@pytest.mark.parametrize(("sessions", "longest"), [(30, LONG // 10), pytest.param(220, LONG, marks=pytest.mark.slow)])
async def test_every_history_arrives_in_order_and_is_counted(
    database: Database, store: SessionStore, owner: str, sessions: int, longest: int
) -> None:
    made, rows = consultations(owner, sessions, longest)
    database.fill(rows)

    report = await move(database, store, owner)

    assert await histories(store, [owner]) == Counter((owner, tuple(chat.expected())) for chat in made)
    assert (report.records.read, report.records.stored, report.is_clean) == (len(rows), len(rows), True)
    assert adds_up(report)


async def test_a_repeat_finds_everything_there(database: Database, store: SessionStore, owner: str) -> None:
    database.fill(consultations(owner, 20)[1])
    first = await move(database, store, owner)

    second = await move(database, store, owner)

    assert (second.sessions.already_there, second.sessions.stored) == (first.sessions.stored, 0)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
async def test_both_schemes_of_an_address_are_known(
    database: Database, store: SessionStore, owner: str, scheme: str
) -> None:
    database.fill([SESSION, MESSAGE])
    source = source_by("postgres")

    await import_from(store, source, source.origin(database.url(scheme)), user_id=owner)

    [(session, [message])] = await everything(store, [owner])
    assert (session.id, message.id, message.content) == ("5f0c", "m1", "Hello")


@pytest.mark.parametrize(
    "schema",
    [
        Schema(),
        Schema(json="jsonb"),
        Schema(json="text"),
        Schema(time="timestamp with time zone"),
        Schema(named_by="id"),
        Schema("timestamp with time zone", "jsonb", "id"),
    ],
)
async def test_however_the_tables_were_made_the_same_arrives(
    server: str, store: SessionStore, owner: str, schema: Schema
) -> None:
    kept = {"audio_files": [{"path": "a.mp3"}], "function_calls": ["look_up"], "metadata": {"ü": [1.5, None, "🙂"]}}
    with new_database(server, schema) as database:
        database.fill([SESSION, {**MESSAGE, "session_id": SESSION[schema.named_by], **kept}])

        await move(database, store, owner)

    [(session, [message])] = await everything(store, [owner])
    assert message.model_dump(include=kept.keys()) == kept
    assert format_time(message.created_at) == "2024-01-01T10:30:00.500000Z"
    assert (format_time(session.created_at), session.message_count) == ("2024-01-01T10:00:00.000000Z", 1)


@pytest.mark.parametrize(("kind", "counted"), [("timestamp", 3), ("timestamptz", 0)])
async def test_times_without_a_zone_are_counted(
    server: str, store: SessionStore, owner: str, kind: str, counted: int
) -> None:
    with new_database(server, Schema(time=kind)) as database:
        database.fill([SESSION, MESSAGE])

        report = await move(database, store, owner)

    assert report.notes["times without a zone, taken as UTC"] == counted


@pytest.mark.parametrize(("is_active", "status"), [(True, "active"), (False, "archived"), (None, "active")])
async def test_a_session_that_is_not_active_comes_archived(
    database: Database, store: SessionStore, owner: str, is_active: bool | None, status: str
) -> None:
    database.fill([{**SESSION, "is_active": is_active}, MESSAGE])

    await move(database, store, owner)

    [(session, _)] = await everything(store, [owner])
    assert (session.status, session.context) == (status, {})
    assert session.archived_at == (session.updated_at if status == "archived" else None)


async def test_rows_of_nulls_and_empty_sessions_arrive(database: Database, store: SessionStore, owner: str) -> None:
    nothing = dict.fromkeys(["message_id", "role", "content", "timestamp", "audio_files", "function_calls", "metadata"])
    database.fill([{**SESSION, "created_at": None}, {**SESSION, "id": 2, "session_id": "empty"}])
    database.fill([{**nothing, "id": number, "session_id": "5f0c"} for number in (1, 2)])

    report = await move(database, store, owner)

    found = {session.id: messages for session, messages in await everything(store, [owner])}
    assert {name: len(messages) for name, messages in found.items()} == {"5f0c": 2, "empty": 0}
    assert [(each.role, each.content, each.metadata) for each in found["5f0c"]] == [
        ("system", "", {"original_role": None})
    ] * 2
    assert (report.is_clean, adds_up(report)) == (True, True)


async def test_columns_that_nobody_knows_are_kept(database: Database, store: SessionStore, owner: str) -> None:
    columns = "at date, who uuid, much numeric, raw bytea, for_ interval"
    for table in ("chat_sessions", "chat_messages"):
        database.run(f"ALTER TABLE {table} ADD COLUMN {columns.replace(', ', ', ADD COLUMN ')}")
    more = {
        "at": "2024-02-29",
        "who": "00000000-0000-0000-0000-000000000001",
        "much": 1.25,
        "raw": b"\x00",
        "for_": "1 day",
    }
    database.fill([{**SESSION, **more}, {**MESSAGE, **more}])

    await move(database, store, owner)

    [(session, [message])] = await everything(store, [owner])
    assert session.context == message.metadata == {**more, "raw": "\\x00"}


async def test_text_that_is_not_utf_8_is_set_aside_alone(server: str, store: SessionStore, owner: str) -> None:
    with new_database(server, Schema(), encoding="SQL_ASCII") as database:
        database.fill([SESSION, MESSAGE])
        database.run(
            "SET client_encoding TO SQL_ASCII; INSERT INTO chat_messages (id, session_id, message_id, role, content)"
            " VALUES (2, '5f0c', 'm2', 'user', E'caf\\xe9')"
        )

        report = await move(database, store, owner)

    [(_, messages)] = await everything(store, [owner])
    assert [message.id for message in messages] == ["m1"]
    assert (report.records.set_aside, adds_up(report)) == (1, True)


async def test_both_tables_are_read_as_of_one_moment(database: Database) -> None:
    database.fill([SESSION, MESSAGE])
    origin = source_by("postgres").origin(database.url())
    rows = origin.records()
    read = [await anext(rows)]

    database.fill([{**SESSION, "id": 2, "session_id": "later"}, {**MESSAGE, "id": 2, "message_id": "m2"}])
    read += [row async for row in rows]

    assert [row.value["session_id"] for row in read if isinstance(row, Record)] == ["5f0c", "5f0c"]
    await origin.close()


async def test_rows_stay_on_the_server_until_they_are_asked_for_and_nothing_can_be_written(database: Database) -> None:
    database.fill([SESSION, MESSAGE])
    origin: Any = source_by("postgres").origin(database.url())
    rows = origin.records()
    await anext(rows)

    connection = origin._connection

    assert connection.execute("SELECT name FROM pg_cursors").fetchall() == [("parley_migration",)]
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("DELETE FROM chat_messages")
    await rows.aclose()
    await origin.close()


async def test_the_backup_is_whole_and_can_be_imported(
    database: Database, store: SessionStore, owner: str, tmp_path: Path
) -> None:
    rows, backup = consultations(owner, 20)[1], tmp_path / "backup.ndjson"
    database.fill(rows)

    report = await move(database, store, owner, backup=backup)

    lines = [json.loads(line) for line in backup.read_text().splitlines()]
    known = [{(name, str(row[name])) for name in ("id", "session_id", "content") if name in row} for row in rows]
    saved = [{(name, str(line[name])) for name in ("id", "session_id", "content") if name in line} for line in lines]
    assert sorted(map(sorted, known)) == sorted(map(sorted, saved))
    again = await import_text(store, "postgres", backup.read_text(), tmp_path, user_id=owner)
    assert (again.sessions.already_there, again.sessions.stored) == (report.sessions.stored, 0)


@pytest.mark.parametrize("named_by", ["session_id", "id"])
@pytest.mark.parametrize("form", ["csv", "ndjson"])
async def test_a_dump_gives_what_the_database_gives(
    server: str, store: SessionStore, owner: str, tmp_path: Path, form: str, named_by: str
) -> None:
    rows = consultations(owner, 40)[1]
    numbers = {row["session_id"]: row["id"] for row in rows if "message_id" not in row}
    with new_database(server, Schema(named_by=named_by)) as database:
        database.fill(
            [
                {**row, "session_id": numbers[row["session_id"]]} if "message_id" in row and named_by == "id" else row
                for row in rows
            ]
        )
        report = await move(database, store, owner)
        source = source_by("postgres")

        dumped = await import_from(
            store, source, source.origin(str(database.dump(tmp_path / "dump", form))), user_id=owner
        )

    assert outcome(
        replace(dumped, sessions=report.sessions, records=report.records, messages=report.messages)
    ) == outcome(report)
    assert (dumped.sessions.already_there, dumped.sessions.stored) == (40, 0)
    assert dumped.messages.already_there == report.messages.stored
    assert adds_up(dumped)


async def test_a_database_without_the_tables_is_told(server: str, store: SessionStore, owner: str) -> None:
    with new_database(server, None) as database, pytest.raises(StoppedError, match="chat_sessions"):
        await move(database, store, owner)


async def test_a_database_that_is_not_there_is_told(server: str, store: SessionStore, owner: str) -> None:
    with pytest.raises(StoppedError, match=r"does not answer: .*nothing"):
        await move(Database(server, "nothing"), store, owner)


async def test_a_server_that_goes_away_stops_the_import_and_a_repeat_goes_on(
    database: Database, store: SessionStore, owner: str
) -> None:
    database.fill([SESSION, MESSAGE])
    source = source_by("postgres")
    origin: Any = source.origin(database.url())
    rows = origin.records()
    await anext(rows)

    database.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = %s",
        database.name,
    )

    with pytest.raises(Exception, match="does not answer"):
        await anext(rows)
    await origin.close()
    assert (await move(database, store, owner)).sessions.stored == 1


async def test_old_rows_are_never_removed(database: Database, store: SessionStore, owner: str) -> None:
    with pytest.raises(UsageError):
        await move(database, store, owner, delete_old=True)


class OfDatabase(Folder):
    """The importer at work on a database."""

    def __init__(self, path: Path, database: Database) -> None:
        path.mkdir()
        self.path, self.database = path, database

    def start(self) -> subprocess.Popen[bytes]:
        root = Path(__file__).parents[2]
        return subprocess.Popen(
            [sys.executable, "-m", "shared.migrate", "postgres", self.database.url("postgres"), "--user-id", "me"],
            cwd=self.path,
            env={"PATH": os.environ["PATH"], "SQLITE_PATH": str(self.path / "parley.db"), "PYTHONPATH": str(root)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def finish(self) -> None:
        assert self.start().wait(120) == 0


@pytest.mark.slow
def test_a_killed_import_that_is_repeated_leaves_what_a_clean_one_leaves(database: Database, tmp_path: Path) -> None:
    database.fill(consultations("me", 200, 1000)[1])
    clean, killed = OfDatabase(tmp_path / "clean", database), OfDatabase(tmp_path / "killed", database)
    clean.finish()
    total, chance = clean.stored(), random.Random(2)  # noqa: S311 - the same every time

    points = [killed.kill_at(share * total // 3, chance.uniform(0, 0.02)) for share in range(3)]
    killed.finish()

    assert [killed.rows(table) for table in ("sessions", "messages")] == [
        clean.rows(table) for table in ("sessions", "messages")
    ]
    assert any(0 < point < total for point in points)
