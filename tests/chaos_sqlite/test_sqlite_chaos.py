"""Servers that share a data file are killed at random moments: what clients were told holds."""

import os
import sys
from contextlib import closing
from pathlib import Path

import pytest

from shared.store.sqlite import SqliteStore
from shared.store.sqlite.schema import connect
from tests.builders import a_session, messages
from tests.chaos_sqlite.data_file import check_data_file
from tests.chaos_sqlite.run import run_seed
from tests.tiers import slow_but

SEEDS = int(os.environ.get("PARLEY_SEEDS") or 2)
UNINDEX_SECOND = """
INSERT INTO message_texts (message_texts, rowid, text)
SELECT 'delete', number, folded_text(document) FROM messages WHERE seq = 2
"""
SOME = 50  # of everything, in a run of a few seconds

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")


@pytest.mark.parametrize("seed", slow_but({str(seed): seed for seed in range(SEEDS)}, "0"))
async def test_nothing_acknowledged_is_lost_or_doubled_when_servers_are_killed(seed: int) -> None:
    outcome = await run_seed(str(seed))

    assert outcome.violations == []
    assert outcome.kills >= 6
    assert min(outcome.acknowledged, outcome.answers["refused"], outcome.answers["200"]) > SOME


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        ("DELETE FROM messages WHERE seq = 2", "counter"),
        ("DELETE FROM messages WHERE seq = 3", "counter"),
        ("UPDATE messages SET seq = 7 WHERE seq = 3", "counter"),
        ("UPDATE sessions SET message_count = 4", "counter"),
        ("DELETE FROM sessions", "documents"),
        ("INSERT INTO message_texts (rowid, text) VALUES (99, 'nobody said this')", "documents"),
        (UNINDEX_SECOND, "documents"),
    ],
)
async def test_a_data_file_that_contradicts_itself_is_found_out(tmp_path: Path, damage: str, kind: str) -> None:
    path = tmp_path / "parley.db"
    store = SqliteStore(path)
    await store.create(a_session(), messages(3))
    await store.close()
    whole = check_data_file(path)
    with closing(connect(path, "rw")) as connection:
        connection.execute(damage)

    assert whole == []
    assert [violation.kind for violation in check_data_file(path)] == [kind]
