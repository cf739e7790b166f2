"""Writers while another process holds the data file: each waits for so long and no longer, however many there are."""

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from shared.errors import StoreUnavailableError
from shared.store.sqlite import SqliteStore
from tests.builders import a_message, a_session, all_messages

BUSY_SECONDS = 0.5
WRITERS = 12


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "parley.db"


@pytest.fixture
def holder(path: Path) -> Iterator[sqlite3.Connection]:
    """Connect to the file as another process does."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


async def test_many_writers_wait_for_a_held_file_no_longer_than_one_does(
    path: Path, holder: sqlite3.Connection
) -> None:
    store = SqliteStore(path, busy_seconds=BUSY_SECONDS)
    session = await store.create(a_session())
    holder.execute("BEGIN IMMEDIATE")

    started = time.monotonic()
    appends = (store.append(session.user_id, session.id, [a_message()]) for _ in range(WRITERS))
    outcomes = await asyncio.gather(*appends, return_exceptions=True)
    waited = time.monotonic() - started
    holder.execute("ROLLBACK")
    after = await store.append(session.user_id, session.id, [a_message()])
    stored = await all_messages(store, session)
    await store.close()

    assert [type(outcome) for outcome in outcomes] == [StoreUnavailableError] * WRITERS
    assert BUSY_SECONDS <= waited < BUSY_SECONDS * 4
    assert stored == after.messages


async def test_a_writer_waits_for_a_file_that_is_held_for_a_moment(path: Path, holder: sqlite3.Connection) -> None:
    store = SqliteStore(path)
    session = await store.create(a_session())
    holder.execute("BEGIN IMMEDIATE")

    append = asyncio.create_task(store.append(session.user_id, session.id, [a_message()]))
    await asyncio.sleep(BUSY_SECONDS)
    waiting = not append.done()
    holder.execute("ROLLBACK")
    appended = await append
    await store.close()

    assert waiting
    assert appended.created
