"""The tables of seed 002 in a PostgreSQL database: read row by row from one snapshot, and never written to."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import psycopg
from psycopg.abc import Buffer, Query
from psycopg.adapt import Loader
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from shared.migrate.reading import MAX_BROKEN_TEXT
from shared.migrate.record import Broken, MigrationError, Record, UsageError

BATCH_ROWS = 200
CONNECT_SECONDS = 10
TYPES = """
SELECT pg_typeof((NULL::chat_sessions).session_id)::text, pg_typeof((NULL::chat_messages).session_id)::text
"""
SESSIONS = "SELECT row_to_json(of_table)::text, NULL FROM chat_sessions AS of_table ORDER BY of_table.id"
MESSAGES = "SELECT row_to_json(of_table)::text, NULL FROM chat_messages AS of_table ORDER BY of_table.id"
MESSAGES_BY_ROW = """
SELECT row_to_json(of_table)::text, session.session_id::text
FROM chat_messages AS of_table LEFT JOIN chat_sessions AS session ON session.id = of_table.session_id
ORDER BY of_table.id
"""
INTEGERS = ("smallint", "integer", "bigint")


class _AnyText(Loader):
    """Reads text as it is, also where the database has let in what is no UTF-8."""

    def load(self, data: Buffer) -> str:
        return bytes(data).decode("utf-8", "surrogateescape")


class PostgresOrigin:
    """A database by its URL; what the URL does not say comes from libpq's own variables and password file."""

    def __init__(self, url: str) -> None:
        """Remember where it is; nothing is sent before the first record is asked for."""
        try:
            self._address = _completed(url)
        except psycopg.ProgrammingError:
            raise UsageError("that is no address of a PostgreSQL database") from None  # the cause may name a password
        self._connection: psycopg.Connection | None = None

    async def records(self) -> AsyncIterator[Record | Broken]:
        """Return the sessions' rows, then those of the messages; a session that is named by its row gets its id."""
        number = 0
        with _translated():
            self._connection = await asyncio.to_thread(self._connect)
            for query in (SESSIONS, await asyncio.to_thread(self._messages)):
                async for text, session_id in self._rows(query):
                    number += 1
                    yield _decoded(number, text, session_id)

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    def _connect(self) -> psycopg.Connection:
        connection = psycopg.connect(self._address)
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ  # both tables as of one moment
        connection.read_only = True
        connection.adapters.register_loader("text", _AnyText)
        if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
            connection.execute("SET client_encoding TO SQL_ASCII")  # any other would be checked, and fail for all rows
        return connection

    def _messages(self) -> Query:
        """Return how to ask for messages: their `session_id` refers to the session's, or to its row."""
        types = self._open().execute(TYPES).fetchone() or ("", "")
        return MESSAGES_BY_ROW if types[0] not in INTEGERS and types[1] in INTEGERS else MESSAGES

    async def _rows(self, query: Query) -> AsyncIterator[tuple[str, str | None]]:
        with self._open().cursor(name="parley_migration") as cursor:
            await asyncio.to_thread(cursor.execute, query)
            while rows := await asyncio.to_thread(cursor.fetchmany, BATCH_ROWS):
                for row in rows:
                    yield row

    def _open(self) -> psycopg.Connection:
        if self._connection is None:
            raise MigrationError("the source is not connected")
        return self._connection


def _decoded(number: int, text: str, session_id: str | None) -> Record | Broken:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Broken(number, text[:MAX_BROKEN_TEXT], "not valid JSON", str(error))
    return Record(number, value if session_id is None else value | {"session_id": session_id})


def _completed(url: str) -> str:
    given = conninfo_to_dict(url)
    return make_conninfo("", **{"connect_timeout": CONNECT_SECONDS, **given, "client_encoding": "utf8"})


def _reason(error: psycopg.Error) -> str:
    """Return what a server said; nothing of the address, which libpq quotes in wrong parts where it is mistyped."""
    _, failed, reason = str(error).partition("\n")[0].rpartition("failed: ")
    return failed and f": {reason}"


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise MigrationError(f"the source does not answer{_reason(error)}") from None  # the cause may name a password
    except psycopg.Error as error:
        raise MigrationError(f"the source refuses: {error.diag.message_primary or error}") from error
