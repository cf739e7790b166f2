"""The command line: what it prints, writes and answers, and how it ends."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.migrate.__main__ import main
from shared.migrate.record import Broken, RecordError
from shared.migrate.report import ImportReport, Rejects
from shared.store.sqlite import SqliteStore
from tests.builders import listed
from tests.tiers import slow_but

from .systems import SYSTEMS

ROOT = Path(__file__).parents[2]
GOOD = json.dumps({"id": "c1", "customer_id": "ann", "messages": [{"role": "user", "content": "hi"}]})


def command(folder: Path, *arguments: str, text: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the importer in a folder of its own, with its store there."""
    environment = {"PATH": os.environ["PATH"], "SQLITE_PATH": str(folder / "parley.db"), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "shared.migrate", *arguments],
        input=text,
        cwd=folder,
        env=environment | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


async def sessions_of(folder: Path, owner: str) -> list[str]:
    store = SqliteStore(folder / "parley.db")
    found = [session.id for session in await listed(store, owner, status=None)]
    await store.close()
    return found


async def test_standard_input_is_a_file_too(tmp_path: Path) -> None:
    ended = command(tmp_path, "conversations", "-", text=GOOD)

    assert ended.returncode == 0
    assert "1 stored" in ended.stdout
    assert await sessions_of(tmp_path, "ann") == ["c1"]


def test_what_is_set_aside_ends_it_with_1_and_is_in_a_file(tmp_path: Path) -> None:
    ended = command(tmp_path, "conversations", "-", text=f"{GOOD}\nbroken\n{{}}\n")

    rejects = [json.loads(line) for line in (tmp_path / "conversations-rejects.ndjson").read_text().splitlines()]
    assert ended.returncode == 1
    assert [(reject["line"], reject.get("text"), reject.get("record")) for reject in rejects] == [
        (2, "broken", None),
        (3, None, {}),
    ]
    assert "2 set aside" in ended.stdout


def test_the_report_is_json(tmp_path: Path) -> None:
    command(tmp_path, "conversations", "-", "--report", "report.json", text=f"{GOOD}\nbroken\n")

    report = json.loads((tmp_path / "report.json").read_text())
    assert report["records"] == {
        "read": 2,
        "stored": 1,
        "already_there": 0,
        "set_aside": 1,
        "expired": 0,
        "repeated": 0,
    }
    assert (report["completed"], report["reasons"]) == (True, {"not valid JSON": 1})


def test_a_dry_run_leaves_no_file_behind(tmp_path: Path) -> None:
    ended = command(tmp_path, "conversations", "-", "--dry-run", "--backup", "backup", text=f"{GOOD}\nbroken\n")

    assert ended.returncode == 1
    assert "nothing was stored" in ended.stdout
    assert list(tmp_path.iterdir()) == []


WRONG = {
    "nothing": [],
    "no source": ["nothing", "-"],
    "no file": ["conversations", "missing.json"],
    "a folder": ["conversations", "."],
    "no owner": ["conversations", "-", "--user-id", "a/b"],
    "no channel": ["conversations", "-", "--channel", "Not A Channel"],
    "no place for the report": ["conversations", "-", "--report", "no/such/folder.json"],
    "nothing to delete from": ["conversations", "-", "--delete-old"],
    "no container": ["conversations", "https://account/database"],
    "which collection": ["ttl-chat", "-"],
}


@pytest.mark.parametrize("arguments", slow_but(WRONG, "nothing", "no file", "no owner", "no container"))
def test_a_wrong_command_ends_with_2_and_says_why(tmp_path: Path, arguments: list[str]) -> None:
    ended = command(tmp_path, *arguments, text=GOOD)

    assert ended.returncode == 2
    assert ended.stderr
    assert "Traceback" not in ended.stderr


REFUSED = {
    b"": "is empty",
    b"\xef\xbb\xbf \n": "is empty",
    gzip.compress(b""): "is empty",
    gzip.compress(GOOD.encode())[:-9]: "cut off",
    b"_id,session_id,message_type,content\n1,s,user,hi\n": "without --type=csv",
    b'"id";"customer_id"\r\n"1";"a"\r\n': "without --type=csv",
    b"--\n-- PostgreSQL database dump\n--\n": r"\copy",
    b"PGDMP\x01\x0f": r"\copy",
    b"PK\x03\x04\x14\x00": "unpack it",
    b"BZh91AY": "bunzip2",
    b"\x1b\x00\x00\x00\x02id\x00": "bsondump",
}


@pytest.mark.parametrize(("content", "advice"), REFUSED.items(), ids=range(len(REFUSED)))
def test_a_file_of_another_kind_is_refused_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, content: bytes, advice: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SQLITE_PATH", "parley.db")
    Path("export").write_bytes(content)

    ended = main(["conversations", "export", "--backup", "backup"])

    told = capsys.readouterr()
    assert (ended, told.out) == (2, "")
    assert advice in told.err
    assert not Path("backup").exists()


def test_a_packed_file_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SQLITE_PATH", "parley.db")
    Path("export.json.gz").write_bytes(gzip.compress(f"\n\n{GOOD}".encode()))

    ended = main(["conversations", "export.json.gz", "--dry-run"])

    assert (ended, "1 stored" in capsys.readouterr().out) == (0, True)


def test_what_was_set_aside_can_be_fed_back_from_its_own_file(tmp_path: Path) -> None:
    rejects = Rejects(tmp_path / "rejects", ImportReport("conversations"))
    (tmp_path / "rejects").write_text("of a run before")

    with (tmp_path / "rejects").open() as being_read:
        rejects.add(Broken(1, "x", "not valid JSON"), RecordError("not valid JSON"))
        rejects.close()

        assert being_read.read() == "of a run before"
    assert "not valid JSON" in (tmp_path / "rejects").read_text()


def test_unusable_settings_end_with_2(tmp_path: Path) -> None:
    ended = command(tmp_path, "conversations", "-", text=GOOD, STORE="nowhere")

    assert (ended.returncode, "STORE must be" in ended.stderr) == (2, True)


SECRETS = {
    "an address alone": ["postgresql://me:c2VjcmV0@host/db"],
    "an address as the source": ["postgresql://me:c2VjcmV0@host/db", "-"],
    "an address as a file": ["conversations", "postgresql://me:c2VjcmV0@host/db"],
    "a connection string": [
        "conversations",
        "AccountKey=c2VjcmV0;AccountEndpoint=https://account.documents.azure.com/",
    ],
    "one argument too many": ["conversations", "-", "c2VjcmV0"],
    "an unknown option": ["conversations", "-", "--password=c2VjcmV0"],
    "key words": ["postgres", "host=somewhere password=c2VjcmV0"],
    "a slash in a password": ["postgres", "postgresql://me:c2VjcmV0/x@127.0.0.1:1/db"],
    "an at in a password": ["postgres", "postgresql://me:x@c2VjcmV0@127.0.0.1:1/db"],
    "a password for an account": ["langchain", "https://me:c2VjcmV0@127.0.0.1:1/db/container"],
    "a key in a query": ["langchain", "https://127.0.0.1:1/db/container?key=c2VjcmV0"],
    "no address": ["chat-messages", "https://[c2VjcmV0/db/container"],
    "a key as a file": ["chat-messages", "https://127.0.0.1:1/db/container", "--source-key-file", "c2VjcmV0"],
}
EACH_WAY = ("an address as a file", "an unknown option", "an at in a password", "a key in a query", "a key as a file")


@pytest.mark.parametrize("arguments", slow_but(SECRETS, *EACH_WAY))
def test_a_secret_on_the_command_line_is_not_repeated(tmp_path: Path, arguments: list[str]) -> None:
    ended = command(tmp_path, *arguments)

    assert ended.returncode in {2, 3}
    assert "c2VjcmV0" not in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_store_that_cannot_be_used_ends_with_3_and_can_be_repeated(tmp_path: Path) -> None:
    (tmp_path / "parley.db").write_text("this is no database " * 100)

    ended = command(tmp_path, "conversations", "-", text=GOOD)

    assert ended.returncode == 3
    assert "not SQLite's" in ended.stderr
    assert "repeat the command" in ended.stderr
    assert "Traceback" not in ended.stderr


async def test_owners_and_channels_of_what_has_none_are_named(tmp_path: Path) -> None:
    text = SYSTEMS["old conversation-logs"]("nobody", 10).text

    ended = command(tmp_path, "conversation-logs", "-", "--user-id", "bea", "--channel", "voice", text=text)

    store = SqliteStore(tmp_path / "parley.db")
    assert ended.returncode == 1
    assert {session.channel for session in await listed(store, "bea")} == {"voice"}
    await store.close()


async def test_the_time_to_live_is_that_of_the_settings(tmp_path: Path) -> None:
    command(tmp_path, "conversations", "-", "--channel", "web", text=GOOD, CHANNEL_TTL_SECONDS='{"web": 99}')

    store = SqliteStore(tmp_path / "parley.db")
    assert [session.ttl_seconds for session in await listed(store, "ann")] == [99]
    await store.close()


def test_help_names_every_source(tmp_path: Path) -> None:
    told: Any = command(tmp_path, "--help").stdout

    assert all(name in told for name in ("conversation-logs", "chat-messages", "ttl-chat", "conversations", "parley"))
