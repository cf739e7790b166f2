"""Dumps of the tables of seed 002: a folder with a file of each, CSV with a header as COPY writes it, or JSON."""

import re
from collections import deque
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from shared.migrate.files import TextFile, open_text
from shared.migrate.reading import MAX_BROKEN_TEXT, MAX_RECORD, FileOrigin
from shared.migrate.record import Broken, Record, UsageError
from shared.models import JsonObject

SESSIONS, MESSAGES = "chat_sessions", "chat_messages"
PLAIN_SUFFIXES = (".csv", ".ndjson", ".jsonl", ".json")
SUFFIXES = (*PLAIN_SUFFIXES, *(f"{suffix}.gz" for suffix in PLAIN_SUFFIXES))
FIELDS = {
    delimiter: re.compile(rf'(?:"([^"]*(?:""[^"]*)*)"|([^"{delimiter}\r\n]*))({delimiter}|\r?\n?\Z)')
    for delimiter in (",", ";", "\t")  # a spreadsheet takes the second where the comma is in numbers
}
QUOTED, PLAIN, END = 1, 2, 3


def is_row_number(value: object) -> bool:
    """Return whether it is what a table numbers its rows with."""
    if isinstance(value, str):
        return value.isdecimal() and value.isascii()
    return isinstance(value, int) and not isinstance(value, bool)


class Folder:
    """A folder with `chat_sessions` and `chat_messages`; where messages name sessions by row, the ids are put in."""

    def __init__(self, folder: Path) -> None:
        """Find the files; UsageError tells which is missing."""
        self._files = {table: _file_of(folder, table) for table in (SESSIONS, MESSAGES)}

    async def records(self) -> AsyncIterator[Record | Broken]:
        """Return the sessions' rows, then those of the messages."""
        by_row, session_ids = await self._names_by_row(), dict[str, object]()
        for table in self._files:
            async for item in self._rows(table):
                if by_row and isinstance(item, Record):
                    yield Record(item.line, _named(table, item.value, session_ids))
                else:
                    yield item

    async def close(self) -> None:
        """Have nothing to close: each file is closed at its end."""

    async def _rows(self, table: str) -> AsyncIterator[Record | Broken]:
        origin = rows_of(str(self._files[table]))
        try:
            async for item in origin.records():
                yield item
        finally:
            await origin.close()

    async def _names_by_row(self) -> bool:
        """Tell by the first row of each table whether messages name a session by its row, not by its id."""
        first = [await self._first_session_id(table) for table in (SESSIONS, MESSAGES)]
        return [is_row_number(value) for value in first] == [False, True]

    async def _first_session_id(self, table: str) -> object:
        origin = rows_of(str(self._files[table]))
        found = None
        async for item in origin.records():
            if isinstance(item, Record):
                found = item.value.get("session_id")
                break
        await origin.close()
        return found


def _file_of(folder: Path, table: str) -> Path:
    found = [folder / f"{table}{suffix}" for suffix in SUFFIXES if (folder / f"{table}{suffix}").is_file()]
    if len(found) != 1:
        names = ", ".join(f"{table}{suffix}" for suffix in PLAIN_SUFFIXES)
        raise UsageError(f"{folder} must have one of {names}, packed with gzip or not")
    return found[0]


def rows_of(place: str) -> "CsvFile | FileOrigin":
    """Return the rows of a file, `-` for standard input; OSError or UsageError tells why that cannot be done."""
    file = open_text(place)
    return CsvFile(file) if file.is_csv else FileOrigin(file, extended_json=False)


def _named(table: str, row: JsonObject, session_ids: dict[str, object]) -> JsonObject:
    """Remember which row a session is, or name a message's session by its id."""
    if table == SESSIONS:
        session_ids[str(row.get("id"))] = row.get("session_id")
        return row
    row_number = row.get("session_id")
    return row | {"session_id": session_ids.get(str(row_number), row_number)}


class CsvFile:
    """Rows under a header; an empty field without quotes is NULL. A row that is none costs no other its place."""

    def __init__(self, file: TextFile) -> None:
        """Read the header of an open file, which is closed with this; UsageError tells why that cannot be done."""
        self._file = file.text
        self._line = 0
        self._again: deque[str] = deque()
        header = self._next()
        read = {delimiter: [value or "" for value in _fields(header, delimiter) or []] for delimiter in FIELDS}
        found = next((delimiter for delimiter, names in read.items() if "session_id" in names), None)
        if found is None:
            self._file.close()
            told = r"must begin with a header that names a column session_id, as \copy … csv header writes it"
            raise UsageError(f"{file.name} {told}")
        self._delimiter, self._header = found, read[found]

    async def records(self) -> AsyncIterator[Record | Broken]:
        """Return each row, or what stands in a row's place."""
        for item in self._rows():
            yield item

    async def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _rows(self) -> Iterator[Record | Broken]:
        while line := self._next():
            if line.strip():
                yield self._row(line)

    def _row(self, line: str) -> Record | Broken:
        """Return the row that begins with this line; lines that are none of it are read again."""
        begin, more = self._line, list(self._rest_of(line))
        fields = _fields("".join([line, *more]), self._delimiter)
        if fields is not None and len(fields) == len(self._header):
            return Record(begin, dict(zip(self._header, fields, strict=True)))
        self._again.extendleft(reversed(more))
        self._line -= len(more)
        detail = "quotes" if fields is None else f"{len(fields)} of {len(self._header)} columns"
        return Broken(begin, line[:MAX_BROKEN_TEXT].rstrip("\r\n"), "not a row of the table", detail)

    def _rest_of(self, line: str) -> Iterator[str]:
        """Return the lines behind it that its open quotes take in."""
        is_open, length = line.count('"') % 2 == 1, len(line)
        while is_open and length < MAX_RECORD and (more := self._next()):
            is_open, length = is_open != (more.count('"') % 2 == 1), length + len(more)
            yield more

    def _next(self) -> str:
        line = self._again.popleft() if self._again else self._file.readline(MAX_RECORD)
        self._line += bool(line)
        return line


def _fields(text: str, delimiter: str) -> list[str | None] | None:
    """Return the fields of a row; None if its quotes are not in order."""
    fields: list[str | None] = []
    at = 0
    while (match := FIELDS[delimiter].match(text, at)) is not None:
        quoted, plain = match.group(QUOTED), match.group(PLAIN)
        fields.append(plain or None if quoted is None else quoted.replace('""', '"'))
        at = match.end()
        if match.group(END) != delimiter:
            return fields
    return None
