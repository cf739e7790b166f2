"""Records grouped by conversation in bounded memory: they wait in a temporary file that SQLite removes by itself."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing

from shared.migrate.record import MigrationError, Record

CACHE_KIB = 16 * 1024


class Spool:
    """Takes records in any order and gives them back conversation by conversation, in order of first appearance."""

    def __init__(self) -> None:
        """Open a nameless file where the system keeps temporary ones (TMPDIR)."""
        self._connection = sqlite3.connect("", isolation_level=None)
        for statement in ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", f"PRAGMA cache_size = -{CACHE_KIB}"):
            self._connection.execute(statement)
        self._connection.execute(
            "CREATE TABLE records (number INTEGER PRIMARY KEY, key TEXT, line INTEGER, value TEXT)"
        )
        self._connection.execute("BEGIN")

    def add(self, key: list[str], record: Record) -> None:
        """Keep a record; raises MigrationError when there is no room."""
        row = json.dumps(key), record.line, json.dumps(record.value)  # in ASCII, so that any text can be kept
        try:
            self._connection.execute("INSERT INTO records (key, line, value) VALUES (?, ?, ?)", row)
        except sqlite3.OperationalError as error:
            raise MigrationError("no room for temporary files; TMPDIR can name another folder") from error

    def finish(self) -> int:
        """Return how many conversations there are; nothing is added after that."""
        self._connection.execute("CREATE INDEX by_key ON records (key, number)")
        self._connection.execute("CREATE TABLE groups AS SELECT key FROM records GROUP BY key ORDER BY MIN(number)")
        return int(self._connection.execute("SELECT count(*) FROM groups").fetchone()[0])

    def __iter__(self) -> Iterator[list[Record]]:
        """Return the records of each conversation."""
        with closing(self._connection.execute("SELECT key FROM groups ORDER BY rowid")) as keys:
            for (key,) in keys:
                rows = self._connection.execute(
                    "SELECT line, value, number FROM records WHERE key = ? ORDER BY number", (key,)
                )
                yield [Record(line, json.loads(value), number) for line, value, number in rows]

    def close(self) -> None:
        """Let go of the file, which is gone then."""
        self._connection.close()
