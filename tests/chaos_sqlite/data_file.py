"""What a data file must hold when nobody uses it any more: checked in the file itself, past all of Parley."""

import sqlite3
from contextlib import closing
from itertools import zip_longest
from pathlib import Path

from shared.store.sqlite.schema import connect
from tests.chaos.history import Violation

MISCOUNTED = """
SELECT s.id, s.message_count, s.last_seq, count(m.seq) AS counted, max(m.seq) AS newest
FROM sessions s LEFT JOIN messages m ON m.user_id = s.user_id AND m.session_id = s.id GROUP BY s.user_id, s.id
HAVING message_count <> counted OR (newest IS NOT NULL AND last_seq <> newest)
"""
ORPHANS = """
SELECT session_id, count(*) FROM messages m
WHERE NOT EXISTS (SELECT 1 FROM sessions s WHERE s.user_id = m.user_id AND s.id = m.session_id) GROUP BY session_id
"""
INDEXED_AGAIN = """
CREATE VIRTUAL TABLE temp.again USING fts5(text, tokenize = 'trigram', content = '');
INSERT INTO temp.again (rowid, text) SELECT number, folded_text(document) FROM messages;
CREATE VIRTUAL TABLE temp.expected USING fts5vocab(temp, again, instance);
CREATE VIRTUAL TABLE temp.indexed USING fts5vocab(main, message_texts, instance);
"""


def check_data_file(path: Path) -> list[Violation]:
    """Return what is wrong with the file: damage, wrong counters, messages of no session, a full-text index astray."""
    with closing(connect(path, "rw")) as connection:
        damage = [row[0] for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
        found = [Violation("documents", f"integrity_check: {row}") for row in damage]
        found += [Violation("counter", f"{tuple(row)}") for row in connection.execute(MISCOUNTED)]
        found += [Violation("documents", f"without a session: {tuple(row)}") for row in connection.execute(ORPHANS)]
        found += _check_full_text(connection)
    return found


def last_seqs(path: Path) -> dict[str, int]:
    """Return the last seq of each session, which no answer tells."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return dict(connection.execute("SELECT id, last_seq FROM sessions"))


def _check_full_text(connection: sqlite3.Connection) -> list[Violation]:
    """Compare the full-text index, place by place, with one that is made anew from the messages."""
    try:
        connection.execute("INSERT INTO message_texts (message_texts) VALUES ('integrity-check')")
        connection.executescript(INDEXED_AGAIN)
        indexed = connection.execute("SELECT * FROM temp.indexed ORDER BY term, doc, offset")
        expected = connection.execute("SELECT * FROM temp.expected ORDER BY term, doc, offset")
        wrong = next((pair for pair in zip_longest(indexed, expected) if _differ(*pair)), None)
    except sqlite3.DatabaseError as error:
        return [Violation("documents", f"the full-text index: {error}")]
    return [Violation("documents", "the full-text index is not that of the messages")] if wrong else []


def _differ(indexed: sqlite3.Row | None, expected: sqlite3.Row | None) -> bool:
    return indexed is None or expected is None or tuple(indexed) != tuple(expected)
