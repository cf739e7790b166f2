"""Dumps of 002's tables without any server: folders and files of CSV and JSON, whole, odd and broken."""

import gzip
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.migrate import tables
from shared.migrate.files import open_text
from shared.migrate.record import Broken, Record, UsageError
from shared.migrate.report import ImportReport
from shared.migrate.tables import CsvFile
from shared.models import format_time
from shared.store.port import SessionStore

from .importing import adds_up, everything, import_from, import_text, source_by

SESSIONS = "id,session_id,created_at,updated_at,is_active\n"
MESSAGES = "id,session_id,message_id,role,content,timestamp,audio_files,function_calls,metadata\n"
ROWS = "".join(f'{number},s,m{number},user,"line\n""{number}"", 🙂",,,,\n' for number in range(40))


async def read(tmp_path: Path, text: str) -> list[Record | Broken]:
    path = tmp_path / "rows.csv"
    path.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")
    file = CsvFile(open_text(str(path)))
    items = [item async for item in file.records()]
    await file.close()
    return items


async def move(store: SessionStore | None, place: Path, owner: str) -> ImportReport:
    source = source_by("postgres")
    return await import_from(store, source, source.origin(str(place)), user_id=owner)


def folder(tmp_path: Path, sessions: str, messages: str, suffix: str = "csv") -> Path:
    (tmp_path / f"chat_sessions.{suffix}").write_text(sessions)
    (tmp_path / f"chat_messages.{suffix}").write_text(messages)
    return tmp_path


async def test_rows_of_csv_become_sessions(store: SessionStore, owner: str, tmp_path: Path) -> None:
    sessions = f"{SESSIONS}1,s1,2024-01-01 10:00:00,2024-01-01 11:00:00.5+00,f\n2,s2,,,t\n"
    messages = (
        f"{MESSAGES}2,s1,m2,assistant,,2024-01-01 10:30:00,null,[],{{}}\n"
        '1,s1,m1,user,"Hello, ""you""",2024-01-01 10:30:00,"[{""path"": ""a""}]","[""f""]","{""mood"": [null, 1.5]}"\n'
    )

    report = await move(store, folder(tmp_path, sessions, messages), owner)

    found = {session.id: (session, said) for session, said in await everything(store, [owner])}
    session, [hello, answer] = found["s1"]
    assert (session.status, format_time(session.updated_at)) == ("archived", "2024-01-01T11:00:00.500000Z")
    assert (hello.content, hello.audio_files, hello.function_calls) == ('Hello, "you"', [{"path": "a"}], ["f"])
    assert hello.metadata == {"mood": [None, 1.5]}
    assert (answer.content, answer.audio_files, answer.function_calls, answer.metadata) == ("", [], [], {})
    assert (found["s2"][0].message_count, report.is_clean, adds_up(report)) == (0, True, True)


@pytest.mark.parametrize(
    "broken",
    ["1,s,m", f"{'x,' * 20}", '1,s,m1,user,"cut o', '1,s,m1,user,a "quote",,,,', '1,s,m1,user,"a" b,,,,', '"' * 7],
)
async def test_a_row_that_is_none_is_told_and_costs_no_other(tmp_path: Path, broken: str) -> None:
    whole = await read(tmp_path, MESSAGES + ROWS)

    items = await read(tmp_path, f"{MESSAGES}{ROWS}\n{broken}\n{ROWS}{broken}")

    found = [item.value for item in items if isinstance(item, Record)]
    assert found == [item.value for item in whole * 2 if isinstance(item, Record)]
    assert [(item.line, item.text) for item in items if isinstance(item, Broken)] == [(83, broken), (164, broken)]


async def test_any_change_to_a_file_leaves_the_other_rows_readable(tmp_path: Path) -> None:
    chance = random.Random(5)  # noqa: S311 - the same every time
    whole = [item.value for item in await read(tmp_path, MESSAGES + ROWS) if isinstance(item, Record)]
    for _ in range(200):
        at = chance.randrange(len(MESSAGES), len(MESSAGES + ROWS))
        text = MESSAGES + ROWS
        damaged = text[:at] + chance.choice(['"', ",", "\n", "", "x"]) + text[at + chance.randint(0, 1) :]
        row = text.count("\n", len(MESSAGES), at) // 2

        found = [item.value for item in await read(tmp_path, damaged) if isinstance(item, Record)]

        intact = [value for number, value in enumerate(whole) if abs(number - row) > 1]
        assert [value for value in found if value in intact] == intact


async def test_null_and_the_empty_text_are_told_apart(tmp_path: Path) -> None:
    [row] = await read(tmp_path, 'session_id,a,b,c\r\ns,,"","\r\n"\r\n')

    assert isinstance(row, Record)
    assert row.value == {"session_id": "s", "a": None, "b": "", "c": "\r\n"}


async def test_a_quote_left_open_in_a_long_file_takes_neither_other_rows_nor_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MAX_RECORD", 1000)
    path = tmp_path / "rows.csv"
    path.write_text(MESSAGES + '1,s,m1,user,"open\n' + "2,s,m2,user,fine,,,,\n" * 500)
    file = CsvFile(open_text(str(path)))
    rows = file.records()

    first = await anext(rows)

    assert isinstance(first, Broken)
    assert len(file._again) < 60
    assert [type(row) async for row in rows] == [Record] * 500
    await file.close()


async def test_bytes_that_are_no_utf_8_are_set_aside_alone(store: SessionStore, owner: str, tmp_path: Path) -> None:
    messages = f"{MESSAGES}1,s,m1,user,good,,,,\n2,s,m2,user,caf\udce9,,,,\n"
    path = tmp_path / "chat_messages.csv"
    path.write_text(messages, errors="surrogateescape")

    report = await move(store, path, owner)

    [(_, [message])] = await everything(store, [owner])
    assert (message.content, report.records.set_aside, adds_up(report)) == ("good", 1, True)


async def test_messages_that_name_their_session_by_its_row_find_it(
    store: SessionStore, owner: str, tmp_path: Path
) -> None:
    sessions, messages = f"{SESSIONS}7,s7,,,t\n8,s8,,,t\n", f"{MESSAGES}1,8,m1,user,hi,,,,\n2,9,m2,user,lost,,,,\n"

    report = await move(store, folder(tmp_path, sessions, messages), owner)

    assert {session.id: len(said) for session, said in await everything(store, [owner])} == {"s7": 0, "s8": 1}
    assert report.reasons == {"a message that names its session by a number, and no such session": 1}


async def test_session_ids_that_are_numbers_are_ids(store: SessionStore, owner: str, tmp_path: Path) -> None:
    sessions, messages = f"{SESSIONS}1,2,,,t\n2,1,,,t\n", f"{MESSAGES}1,2,m1,user,hi,,,,\n"

    await move(store, folder(tmp_path, sessions, messages), owner)

    assert {session.id: len(said) for session, said in await everything(store, [owner])} == {"2": 1, "1": 0}


async def test_a_row_of_neither_table_is_set_aside(store: SessionStore, owner: str, tmp_path: Path) -> None:
    report = await import_text(store, "postgres", '{"session_id": "s", "name": "x"}', tmp_path, user_id=owner)

    assert (report.records.set_aside, adds_up(report)) == (1, True)


@pytest.mark.parametrize("text", ['{"a": NaN}', "{'a': 1}", "plain", "[" * 100_000])
async def test_what_is_no_json_stays_the_text_it_is(store: SessionStore, owner: str, tmp_path: Path, text: str) -> None:
    messages = MESSAGES + '1,s,m1,user,hi,,,,"' + text.replace('"', '""') + '"\n'
    path = tmp_path / "chat_messages.csv"
    path.write_text(messages)

    await move(store, path, owner)

    [(_, [message])] = await everything(store, [owner])
    assert message.metadata == {"original_metadata": text}


@pytest.mark.parametrize("missing", ["chat_sessions.csv", "chat_messages.csv"])
def test_a_folder_needs_both_tables(tmp_path: Path, missing: str) -> None:
    (folder(tmp_path, SESSIONS, MESSAGES) / missing).unlink()

    with pytest.raises(UsageError, match=missing):
        source_by("postgres").origin(str(tmp_path))


def test_a_folder_has_each_table_once(tmp_path: Path) -> None:
    folder(folder(tmp_path, SESSIONS, MESSAGES), "", "", "json")

    with pytest.raises(UsageError, match="one of"):
        source_by("postgres").origin(str(tmp_path))


@pytest.mark.parametrize("text", ["1\ts1\t\\N\n", "1,s1,m1,user\n", '"session_id\n'])
def test_csv_needs_a_header(tmp_path: Path, text: str) -> None:
    path = tmp_path / "chat_messages.csv"
    path.write_text(text)

    with pytest.raises(UsageError, match="header"):
        source_by("postgres").origin(str(path))


@pytest.mark.parametrize("delimiter", [";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
async def test_a_spreadsheets_tables_are_read(
    store: SessionStore, owner: str, tmp_path: Path, delimiter: str, encoding: str
) -> None:
    text = "id,session_id,role,content\n1,s,user,'a;b,c\td'\n".replace(",", delimiter).replace("'", '"')
    path = tmp_path / "chat_messages.csv"
    path.write_text(text, encoding=encoding)

    report = await move(store, path, owner)

    [(_, [message])] = await everything(store, [owner])
    assert (message.content, report.is_clean) == (f"a;b{delimiter}c\td", True)


async def test_packed_tables_are_read(store: SessionStore, owner: str, tmp_path: Path) -> None:
    (tmp_path / "chat_sessions.csv.gz").write_bytes(gzip.compress(f"{SESSIONS}1,s1,,,n\n".encode()))
    (tmp_path / "chat_messages.json.gz").write_bytes(gzip.compress(b'[{"session_id": "s1", "content": "x"}]'))

    await move(store, tmp_path, owner)

    [(session, [message])] = await everything(store, [owner])
    assert (session.status, message.content) == ("archived", "x")


@pytest.mark.parametrize("address", ["postgres://me:s3cret@[broken", "postgresql://me:s3cret@host/db?no_such=1"])
def test_an_address_that_is_none_is_told_without_its_password(address: str) -> None:
    with pytest.raises(UsageError) as told:
        source_by("postgres").origin(address)

    assert "s3cret" not in str(told.value)
    assert told.value.__cause__ is None


def test_without_a_driver_it_is_told_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "shared.migrate.postgresql", raising=False)
    blocked: Any = None
    monkeypatch.setitem(sys.modules, "psycopg", blocked)

    with pytest.raises(UsageError, match=r"requirements-commands\.txt"):
        source_by("postgres").origin("postgres://localhost/daissy_ai")
