"""Paths that cannot be SQLite's data file are explained at the start, in one line that says why, and never again."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from shared.errors import StoreUnusableError
from shared.store.sqlite import SqliteStore

NOBODY = 65_534


@contextmanager
def without_rights() -> Iterator[None]:
    """Be a user to whom permissions apply, which root is not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder that anybody may look into: pytest's own are for their user alone."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def told_of(path: Path, caplog: pytest.LogCaptureFixture) -> str:
    """Use the file twice in vain, and return the one line that the log has of it since the store was made."""
    store = SqliteStore(path)
    at_start = list(caplog.messages)
    for _ in range(2):
        with pytest.raises(StoreUnusableError):
            await store.ping()
    await store.close()
    assert caplog.messages == at_start
    (line,) = at_start
    return line


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (".", "is a folder"),
        ("notes.txt", "another kind"),
        ("notes.txt/parley.db", "no folder"),
        ("pipe", "no ordinary file"),
        ("x" * 300, "File name too long"),
    ],
)
async def test_what_can_be_no_data_file_is_told(
    folder: Path, caplog: pytest.LogCaptureFixture, value: str, reason: str
) -> None:
    (folder / "notes.txt").write_text("Remember the milk, and what else there is to buy.\n")
    os.mkfifo(folder / "pipe")

    said = await told_of(folder / value, caplog)

    assert said.startswith(f"the data file {folder / value} ")
    assert reason in said


@pytest.mark.parametrize(
    "made",
    ["CREATE TABLE sessions (a)", "CREATE TABLE notes (a); PRAGMA user_version = 1", "PRAGMA user_version = 1"],
)
async def test_a_data_file_of_another_program_is_told_once_and_left_as_it_is(
    folder: Path, caplog: pytest.LogCaptureFixture, made: str
) -> None:
    with closing(sqlite3.connect(folder / "other.db")) as connection:
        connection.executescript(made)
    before = (folder / "other.db").read_bytes()
    store = SqliteStore(folder / "other.db")

    for _ in range(2):
        with pytest.raises(StoreUnusableError):
            await store.ping()
    await store.close()

    (said,) = caplog.messages
    assert "the tables of another program" in said
    assert (folder / "other.db").read_bytes() == before


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="permissions are others where there are no user ids")
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("closed/parley.db", "cannot be used: Permission denied"),
        ("readable/parley.db", "cannot be made: this user may not write"),
        ("readable/deeper/parley.db", "cannot be made: this user may not write"),
        ("readable/other.db", "may not be read and written"),
        ("readable/open.db", "in a folder in which this user may not write"),
    ],
)
async def test_what_this_user_may_not_write_is_told(
    folder: Path, caplog: pytest.LogCaptureFixture, value: str, reason: str
) -> None:
    (folder / "closed").mkdir(0o700 if os.geteuid() == 0 else 0)
    (folder / "readable").mkdir()
    for name, mode in (("other.db", 0o444), ("open.db", 0o666)):
        (folder / "readable" / name).touch()
        (folder / "readable" / name).chmod(mode)
    (folder / "readable").chmod(0o555)

    with without_rights():
        said = await told_of(folder / value, caplog)

    assert reason in said


@pytest.mark.parametrize("value", ["kept.db", "empty.db", "new/folders/parley.db"])
async def test_a_data_file_an_empty_file_and_one_that_is_yet_to_be_made_are_used(
    folder: Path, caplog: pytest.LogCaptureFixture, value: str
) -> None:
    with closing(sqlite3.connect(folder / "kept.db")) as connection:
        connection.execute("PRAGMA user_version = 0")
    (folder / "empty.db").touch()
    store = SqliteStore(folder / value)

    await store.ping()
    await store.close()

    assert caplog.messages == []


async def test_a_file_that_becomes_usable_is_used_without_a_restart(folder: Path) -> None:
    (folder / "parley.db").mkdir()
    store = SqliteStore(folder / "parley.db")
    with pytest.raises(StoreUnusableError):
        await store.ping()
    (folder / "parley.db").rmdir()

    await store.ping()
    await store.close()
