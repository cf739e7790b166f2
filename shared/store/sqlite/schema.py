"""The tables of the file, how they come about, and how a connection to them is opened."""

import json
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

from shared.errors import StoreUnusableError
from shared.models.exact import as_sent
from shared.text import fold, occurs, plain_text

BUSY_SECONDS = 10.0  # how long one process waits for another to finish its write
RETRY_SECONDS = 0.01

VERSION_1 = (
    """
    CREATE TABLE sessions (
        user_id TEXT NOT NULL,
        id TEXT NOT NULL,
        session_name TEXT,
        channel TEXT NOT NULL,
        tags TEXT NOT NULL,
        pinned INTEGER NOT NULL,
        status TEXT NOT NULL DEFAULT 'active',
        ttl_seconds INTEGER NOT NULL,
        message_count INTEGER NOT NULL DEFAULT 0,
        last_seq INTEGER NOT NULL DEFAULT 0,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        last_activity_at TEXT NOT NULL,
        last_message_at TEXT,
        archived_at TEXT,
        expires_at TEXT,
        etag TEXT NOT NULL,
        fingerprint TEXT,
        context TEXT NOT NULL,
        PRIMARY KEY (user_id, id)
    )
    """,
    "CREATE INDEX sessions_by_activity ON sessions (user_id, last_activity_at, id)",
    """
    CREATE INDEX sessions_by_idleness ON sessions (last_activity_at, user_id, id)
    WHERE status = 'active' AND pinned = 0
    """,
    "CREATE INDEX sessions_by_expiry ON sessions (expires_at) WHERE expires_at IS NOT NULL",
    """
    CREATE TABLE messages (
        number INTEGER PRIMARY KEY,
        user_id TEXT NOT NULL,
        session_id TEXT NOT NULL,
        seq INTEGER NOT NULL,
        id TEXT NOT NULL,
        role TEXT NOT NULL,
        document TEXT NOT NULL,
        UNIQUE (user_id, session_id, seq)
    )
    """,
    "CREATE INDEX messages_by_id ON messages (user_id, session_id, id)",
    "CREATE INDEX messages_by_role ON messages (user_id, session_id, role, seq)",
)
# What messages say, folded, for search; without its own copy of the text, so what goes has to be told again.
VERSION_2 = (
    "CREATE VIRTUAL TABLE message_texts USING fts5(text, tokenize = 'trigram', content = '')",
    "INSERT INTO message_texts (rowid, text) SELECT number, folded_text(document) FROM messages",
    """
    CREATE TRIGGER message_said AFTER INSERT ON messages BEGIN
        INSERT INTO message_texts (rowid, text) VALUES (new.number, folded_text(new.document));
    END
    """,
    """
    CREATE TRIGGER message_gone AFTER DELETE ON messages BEGIN
        INSERT INTO message_texts (message_texts, rowid, text)
        VALUES ('delete', old.number, folded_text(old.document));
    END
    """,
    """
    CREATE TRIGGER message_changed AFTER UPDATE OF document ON messages BEGIN
        INSERT INTO message_texts (message_texts, rowid, text)
        VALUES ('delete', old.number, folded_text(old.document));
        INSERT INTO message_texts (rowid, text) VALUES (new.number, folded_text(new.document));
    END
    """,
)
VERSION_3 = (
    """
    CREATE TABLE shares (
        token_hash TEXT PRIMARY KEY,
        user_id TEXT NOT NULL,
        session_id TEXT NOT NULL,
        id TEXT NOT NULL,
        up_to_seq INTEGER NOT NULL,
        created_at TEXT NOT NULL,
        expires_at TEXT
    )
    """,
    "CREATE INDEX shares_by_session ON shares (user_id, session_id)",
)
# The index ends a text at its first NUL, so what a message says behind one was not found; `indexed_text` has none.
VERSION_4 = (
    "DROP TRIGGER message_said",
    "DROP TRIGGER message_gone",
    "DROP TRIGGER message_changed",
    "INSERT INTO message_texts (message_texts) VALUES ('delete-all')",
    *(statement.replace("folded_text", "indexed_text") for statement in VERSION_2[1:]),
)
# Texts are folded by canonical equivalence and white space too (shared/text.py), so what is indexed is folded anew.
VERSION_5 = (
    "INSERT INTO message_texts (message_texts) VALUES ('delete-all')",
    "INSERT INTO message_texts (rowid, text) SELECT number, indexed_text(document) FROM messages",
)
VERSION_6 = VERSION_5  # what tools were called with and answered, and thoughts, are indexed too (shared/parts.py)
# Who makes a session's next reply, as JSON, and what its replies have cost.
VERSION_7 = (
    "ALTER TABLE sessions ADD COLUMN lease TEXT",
    "ALTER TABLE sessions ADD COLUMN replies INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE sessions ADD COLUMN input_tokens INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE sessions ADD COLUMN output_tokens INTEGER NOT NULL DEFAULT 0",
)
MIGRATIONS: Sequence[Sequence[str]] = (VERSION_1, VERSION_2, VERSION_3, VERSION_4, VERSION_5, VERSION_6, VERSION_7)
OWN_TABLES = 2  # that LOOK counts, of each file since version 1
# One statement, so that what another process is just making is seen whole or not at all.
LOOK = """
    SELECT user_version,
        (SELECT count(*) FROM sqlite_master WHERE type = 'table'),
        (SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('sessions', 'messages'))
    FROM pragma_user_version
"""


def open_connection(path: Path, *, create: bool) -> sqlite3.Connection:
    """Open the file in WAL mode with its tables as this version knows them.

    Missing folders and the file itself are made only with `create`. Any number of processes may do so
    at once. Raises StoreUnusableError for a file that a newer version or another program has written.
    """
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
    connection = connect(path, "rwc" if create else "rw")
    try:
        _version(connection)  # before anything is changed in a file that is not Parley's
        connection.execute("PRAGMA synchronous = FULL")  # an acknowledged message survives a power cut
        _write_ahead(connection)
        _migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Connect to the file as it is; whoever holds the connection begins and ends each transaction."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,  # each thread keeps its own; only closing happens in another
    )
    connection.row_factory = sqlite3.Row
    connection.create_function("contains_folded", 2, _contains_folded, deterministic=True)
    connection.create_function("contains_tags", 2, _contains_tags, deterministic=True)
    connection.create_function("folded_text", 1, _folded_text, deterministic=True)
    connection.create_function("indexed_text", 1, _indexed_text, deterministic=True)
    return connection


def _contains_folded(text: str | None, part: str) -> bool:
    return text is not None and occurs(part, text)


def _folded_text(document: str) -> str:
    message = as_sent(json.loads(document))
    return fold(plain_text(message["content"], message.get("function_calls", ())))


def _indexed_text(document: str) -> str:
    return _folded_text(document).replace("\0", " ")


def _contains_tags(tags: str, wanted: str) -> bool:
    # SQLite's own json_each ends a text at its first NUL.
    return set(json.loads(wanted)) <= set(json.loads(tags))


def _write_ahead(connection: sqlite3.Connection) -> None:
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # While another process makes the same change SQLite refuses at once instead of waiting.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(RETRY_SECONDS)
        else:
            return


def _migrate(connection: sqlite3.Connection) -> None:
    if _version(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statements in MIGRATIONS[_version(connection) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _version(connection: sqlite3.Connection) -> int:
    """Return how far the file's tables are, 0 for a file without any; raises StoreUnusableError for others' tables."""
    version, tables, own = connection.execute(LOOK).fetchone()
    if version > len(MIGRATIONS):
        message = f"has schema {version}, this version of Parley knows up to {len(MIGRATIONS)}"
        raise StoreUnusableError(message)
    if (own < OWN_TABLES) if version else tables:
        raise StoreUnusableError("holds the tables of another program; name another one")
    return int(version)
