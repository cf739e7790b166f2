"""One SQLite file: its threads, connections and transactions, and what its failures mean."""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TypeVar

from shared.errors import StoreUnavailableError, StoreUnusableError
from shared.store.sqlite.data_file import unusable
from shared.store.sqlite.presence import Presence
from shared.store.sqlite.schema import BUSY_SECONDS, connect, open_connection
from shared.usage import count_request

READERS = 4  # threads; writers wait for one another in any case
UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_CORRUPT,
    }
)
PRIMARY_CODE = 0xFF  # the low byte of an extended result code; sqlite.org/rescode.html

UNOPENABLE = UNAVAILABLE - {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
UNUSABLE_RETRY_SECONDS = 2

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Parameter = str | int | None


@contextmanager
def translated() -> Iterator[None]:
    """Turn a file that cannot be used now into StoreUnavailableError; any other failure is a defect and stays one."""
    try:
        yield
    except OSError as error:
        raise StoreUnavailableError from error
    except sqlite3.Error as error:
        if _code(error) in UNAVAILABLE:
            raise StoreUnavailableError from error
        raise


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & PRIMARY_CODE


@dataclass(frozen=True, slots=True)
class Transaction:
    """A view of the file at one moment; what it writes is kept together or not at all."""

    connection: sqlite3.Connection
    now: datetime

    def rows(self, statement: str, **parameters: Parameter) -> list[sqlite3.Row]:
        """Return everything that a query finds."""
        return self.connection.execute(statement, parameters).fetchall()

    def row(self, statement: str, **parameters: Parameter) -> sqlite3.Row | None:
        """Return the first row that a query finds; None when there is none."""
        with closing(self.connection.execute(statement, parameters)) as cursor:
            row: sqlite3.Row | None = cursor.fetchone()
        return row

    def run(self, statement: str, **parameters: Parameter) -> int:
        """Write, and return how many rows that touched."""
        return self.connection.execute(statement, parameters).rowcount


class Database:
    """Runs transactions on one file in threads of its own, so that the event loop never waits for the disk.

    A caller that stops waiting does not stop the transaction: it ends by itself, stored or undone.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], datetime],
        busy_seconds: float = BUSY_SECONDS,
        *,
        tidy: Callable[[sqlite3.Connection], None] = lambda _: None,
    ) -> None:
        """Name the file; the first transaction opens or makes it, and the log says now why it will not be able to.

        When it is opened `tidy` is done, if no other process has it open; whether that can be done matters to nobody.
        """
        self._path = path
        self._clock = clock
        self._busy_seconds = busy_seconds
        self._tidy = tidy
        self._presence = Presence(path)
        self._writer = ThreadPoolExecutor(1, "parley-sqlite-writer")
        self._readers = ThreadPoolExecutor(READERS, "parley-sqlite-reader")
        self._own = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._opening = threading.Lock()
        self._logged: str | None = None
        if fault := unusable(path):
            self._tell(fault)

    async def read(self, work: Callable[[Transaction], Result]) -> Result:
        """Run a transaction that only reads, beside any writer."""
        return await self._in_thread(self._readers, lambda: self._transact(_begin_read, work))

    async def write(self, work: Callable[[Transaction], Result]) -> Result:
        """Run a transaction that may write, one at a time over all processes.

        Raises StoreUnavailableError when it could not begin within `busy_seconds`, its wait for others here included.
        """
        deadline = monotonic() + self._busy_seconds
        begin = partial(_begin_write, deadline=deadline)
        return await self._in_thread(self._writer, lambda: self._transact(begin, work))

    async def check(self) -> None:
        """Return when the file can be opened and read; raises StoreUnavailableError otherwise."""
        await self._in_thread(self._readers, self._check)

    async def close(self) -> None:
        """Finish what has begun and close the file; the last one to do so empties the write-ahead log."""
        await asyncio.to_thread(self._close)

    async def _in_thread(self, executor: Executor, work: Callable[[], Result]) -> Result:
        count_request(0)
        return await asyncio.get_running_loop().run_in_executor(executor, work)

    def _transact(self, begin: Callable[[sqlite3.Connection], None], work: Callable[[Transaction], Result]) -> Result:
        with translated():
            connection = self._connection()
            begin(connection)
            try:
                result = work(Transaction(connection, self._clock()))
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            return result

    def _check(self) -> None:
        with translated():
            self._connection()
            # A connection that is open already would go on reading a file that somebody has removed.
            with closing(connect(self._path, "rw")) as connection:
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            with self._opening:
                connection = self._open()
                if not self._connections:
                    self._enter(connection)
                self._connections.append(connection)
            self._own.connection = connection
        return connection

    def _open(self) -> sqlite3.Connection:
        """Open the file; raises StoreUnusableError, with a reason that is logged where it is new."""
        try:
            connection = open_connection(self._path, create=not self._connections)
        except (OSError, sqlite3.Error, StoreUnusableError) as error:
            if isinstance(error, sqlite3.Error) and _code(error) not in UNOPENABLE:
                raise
            told = error.reason if isinstance(error, StoreUnusableError) else f"cannot be opened: {error}"
            raise StoreUnusableError(self._tell(unusable(self._path) or told), UNUSABLE_RETRY_SECONDS) from error
        self._logged = None
        return connection

    def _enter(self, connection: sqlite3.Connection) -> None:
        """Have others know that the file is open here."""
        if self._presence.enter():
            with suppress(sqlite3.Error):
                self._tidy(connection)
            self._presence.share()

    def _tell(self, fault: str) -> str:
        """Log what is wrong with the file when it is found, not again while it stays so, and return the sentence."""
        reason = f"the data file {self._path} {fault}"
        if reason != self._logged:
            logger.error("%s", reason)
        self._logged = reason
        return reason

    def _close(self) -> None:
        self._writer.shutdown()
        self._readers.shutdown()
        with translated():
            while self._connections:
                self._connections.pop().close()
        self._presence.leave()


def _begin_read(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN")


def _begin_write(connection: sqlite3.Connection, deadline: float) -> None:
    """Begin when no other process writes; those who wait behind one another wait until their own deadlines."""
    left = deadline - monotonic()
    if left <= 0:
        raise StoreUnavailableError
    connection.execute(f"PRAGMA busy_timeout = {int(left * 1000)}")
    connection.execute("BEGIN IMMEDIATE")
