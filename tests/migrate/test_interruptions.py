"""Killed at any point and repeated, an import leaves what one clean run leaves; an outage leaves nothing half done."""

import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from shared.errors import StoreThrottledError, StoreUnavailableError
from shared.migrate.run import StoppedError
from shared.models import ImportedMessage, ImportedSession, Session
from shared.store.port import SessionStore
from tests.tiers import slow_but

from .importing import adds_up, histories, import_text
from .systems import SYSTEMS, Export

ROOT = Path(__file__).parents[2]
SESSIONS = 200
WITHOUT_A_CLOCK = sorted(SYSTEMS.keys() - {"ttl-chat"})  # its examples are of a day long ago
KEPT = {
    "sessions": "user_id, id, session_name, channel, tags, pinned, status, ttl_seconds, message_count, last_seq, "
    "created_at, updated_at, last_activity_at, last_message_at, archived_at, fingerprint, context",
    "messages": "user_id, session_id, seq, id, role, document",
}


class Folder:
    """A folder with an export in it, and the importer at work there."""

    def __init__(self, path: Path, export: Export) -> None:
        path.mkdir()
        self.path, self.export = path, export
        (path / "export.ndjson").write_text(export.text, encoding="utf-8")

    def start(self) -> subprocess.Popen[bytes]:
        options = [
            f"--{name.replace('_', '-')}={value}" for name, value in self.export.options.items() if name != "now"
        ]
        return subprocess.Popen(
            [sys.executable, "-m", "shared.migrate", self.export.source, "export.ndjson", *options],
            cwd=self.path,
            env={"PATH": os.environ["PATH"], "SQLITE_PATH": str(self.path / "parley.db"), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def finish(self) -> None:
        assert self.start().wait(120) == 1  # the broken lines

    def kill_at(self, sessions: int, delay: float) -> int:
        """Kill the importer a moment after it has stored so many sessions; return how many there were then."""
        process = self.start()
        while self.stored() < sessions and process.poll() is None:
            time.sleep(0.001)
        time.sleep(delay)
        process.kill()
        process.wait()
        return self.stored()

    def stored(self) -> int:
        return len(self.rows("sessions")) if (self.path / "parley.db").exists() else 0

    def rows(self, table: str) -> list[Any]:
        with closing(sqlite3.connect(self.path / "parley.db")) as connection:
            try:
                return sorted(connection.execute(f"SELECT {KEPT[table]} FROM {table}").fetchall(), key=repr)
            except sqlite3.OperationalError:  # its tables are not made yet
                return []


@pytest.mark.parametrize("system", slow_but({name: name for name in WITHOUT_A_CLOCK}, "conversations"))
def test_a_killed_import_that_is_repeated_leaves_what_a_clean_one_leaves(tmp_path: Path, system: str) -> None:
    export = SYSTEMS[system]("owner", SESSIONS, 500)
    clean, killed = Folder(tmp_path / "clean", export), Folder(tmp_path / "killed", export)
    clean.finish()
    total = clean.stored()
    chance = random.Random(system)  # noqa: S311 - the same every time

    points = [killed.kill_at(share * total // 4, chance.uniform(0, 0.02)) for share in range(4)]
    killed.finish()

    assert [killed.rows(table) for table in KEPT] == [clean.rows(table) for table in KEPT]
    assert len({point for point in points if 0 < point < total}) >= 2  # it was killed in its midst indeed


class Unreliable:
    """A store that fails now and then, before or after it has done what it was asked."""

    def __init__(self, store: SessionStore, failures: Sequence[str]) -> None:
        self._store, self._failures = store, list(failures)

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._store, verb)

    async def import_session(self, session: ImportedSession, messages: Sequence[ImportedMessage]) -> Session | None:
        failure = self._failures.pop() if self._failures else "none"
        if failure == "before":
            raise StoreThrottledError(retry_after_seconds=0)
        stored = await self._store.import_session(session, messages)
        if failure == "after":
            raise StoreUnavailableError(retry_after_seconds=0)
        return stored


async def test_failures_that_pass_are_waited_for(store: SessionStore, owner: str, tmp_path: Path) -> None:
    export = SYSTEMS["conversations"](owner, 20)
    unreliable: Any = Unreliable(store, ["before", "after", "none"] * 5)

    report = await import_text(unreliable, export.source, export.text, tmp_path)

    assert await histories(store, [f"{owner}.{number}" for number in range(5)]) == export.histories
    assert report.sessions.stored + report.sessions.already_there == 20
    assert adds_up(report)


class Failing(Unreliable):
    """A store that fails for good after a while."""

    def __init__(self, store: SessionStore, good: int) -> None:
        super().__init__(store, [])
        self._good = good

    async def import_session(self, session: ImportedSession, messages: Sequence[ImportedMessage]) -> Session | None:
        self._good -= 1
        if self._good < 0:  # told before anything is awaited, so that those begun earlier are the good ones
            raise StoreUnavailableError(retry_after_seconds=1)
        return await self._store.import_session(session, messages)


async def test_an_outage_stops_the_import_and_a_repeat_goes_on(store: SessionStore, owner: str, tmp_path: Path) -> None:
    export = SYSTEMS["conversations"](owner, 40)
    failing: Any = Failing(store, 15)
    owners = [f"{owner}.{number}" for number in range(5)]

    with pytest.raises(StoppedError) as stop:
        await import_text(failing, export.source, export.text, tmp_path, patience=0)

    stopped = stop.value.report
    assert (stopped.sessions.stored, stopped.completed) == (15, False)
    assert (await histories(store, owners)).total() == 15
    repeated = await import_text(store, export.source, export.text, tmp_path)
    assert (repeated.sessions.already_there, repeated.sessions.stored) == (15, 25)
    assert await histories(store, owners) == export.histories
