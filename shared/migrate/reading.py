"""JSON documents from a file, one after another in bounded memory, broken ones told apart."""

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import NoReturn

from shared.migrate.extended_json import plain
from shared.migrate.files import TextFile
from shared.migrate.record import Broken, Record, UsageError

CHUNK = 1024 * 1024  # characters read at once
MAX_RECORD = 64 * 1024 * 1024  # characters of one record; beyond that a quote was left open somewhere
MAX_BROKEN_TEXT = 1024 * 1024  # characters of a broken record that are kept
CUT_NEAR_END = 16  # an error this near to what has been read so far may only mean that there is more
BETWEEN_LINES = re.compile(r"\s*")
BETWEEN_ITEMS = re.compile(r"[\s,\[\]]*")
PRETTY = re.compile(r"\{[ \t\r]*\n")


class FileOrigin:
    """A file with a JSON array or any number of JSON objects behind one another."""

    def __init__(self, file: TextFile, *, extended_json: bool) -> None:
        """Read from an open file, which is closed with this; raises UsageError for a table."""
        if file.is_csv:
            file.text.close()
            raise UsageError(
                f"{file.name} is CSV, which loses types and nested values: export it as JSON, as mongoexport does "
                "without --type=csv"
            )
        self._file = file.text
        self._stream = JsonStream(self._file.read, plain if extended_json else None)

    async def records(self) -> AsyncIterator[Record | Broken]:
        """Return each record, or what stands in a record's place."""
        for item in self._stream:
            yield item

    async def close(self) -> None:
        """Close the file."""
        self._file.close()


class JsonStream:
    """Decodes one value after another from text that comes in pieces, and finds the way behind a broken one."""

    def __init__(self, read: Callable[[int], str], object_hook: Callable[[dict[str, object]], object] | None) -> None:
        """Read from this function; `object_hook` is json's."""
        self._read = read
        self._decoder = json.JSONDecoder(object_hook=object_hook, parse_constant=_no_constant)
        self._buffer, self._at, self._line = "", 0, 1
        self._ended = self._pretty = False
        self._indent = ""

    def __iter__(self) -> Iterator[Record | Broken]:
        """Return the records to the end of the text."""
        self._fill()
        is_array = self._buffer.lstrip()[:1] == "["
        between = BETWEEN_ITEMS if is_array else BETWEEN_LINES
        closed = not is_array
        while True:
            separator = self._skip(between)
            closed = closed or "]" in separator
            if self._at == len(self._buffer):
                break
            closed = not is_array
            yield self._next()
        if not closed:
            yield Broken(self._line, "", "the array does not end", "the file is cut off")

    def _next(self) -> Record | Broken:
        line = self._line
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                if self._may_go_on(error):
                    self._fill()
                    continue
                return self._broken(line, "not valid JSON", str(error.msg))
            except RecursionError:
                return self._broken(line, "not valid JSON", "nested too deeply")
            except ValueError as error:  # NaN, or a whole number of more than 4,300 digits
                return self._broken(line, "not valid JSON", str(error))
            if isinstance(value, dict):
                self._pretty = self._pretty or self._buffer.find("\n", self._at, end) >= 0
                self._advance(end)
                return Record(line, value)
            if end == len(self._buffer) and not self._ended:
                self._fill()
                continue
            text = self._buffer[self._at : end]
            self._advance(end)
            return Broken(line, text[:MAX_BROKEN_TEXT], "not a JSON object")

    def _may_go_on(self, error: json.JSONDecodeError) -> bool:
        if self._ended or len(self._buffer) - self._at > MAX_RECORD:
            return False
        return error.msg.startswith("Unterminated string") or error.pos >= len(self._buffer) - CUT_NEAR_END

    def _broken(self, line: int, reason: str, detail: str) -> Broken:
        """Skip to where the next record begins: the next line, or the next object indented like this one."""
        pretty = self._pretty or PRETTY.match(self._buffer, self._at) is not None
        behind = f"\n{self._indent}{{" if pretty else "\n"
        text = ""
        while (found := self._buffer.find(behind, self._at)) < 0 and not self._ended:
            keep = max(len(self._buffer) - len(behind), self._at)
            text += self._buffer[self._at : keep][: MAX_BROKEN_TEXT - len(text)]
            self._advance(keep)
            self._fill()
        end = len(self._buffer) if found < 0 else found
        text += self._buffer[self._at : end][: MAX_BROKEN_TEXT - len(text)]
        self._advance(end)
        return Broken(line, text.rstrip("\r"), reason, detail)

    def _skip(self, between: re.Pattern[str]) -> str:
        """Skip what stands between two records and return it."""
        skipped = ""
        while True:
            match = between.match(self._buffer, self._at)
            skipped += match.group() if match else ""
            self._advance(match.end() if match else self._at)
            if self._at < len(self._buffer) or self._ended:
                break
            self._fill()
        if "\n" in skipped:
            self._indent = skipped.rpartition("\n")[2].strip("[],")
        return skipped

    def _advance(self, end: int) -> None:
        self._line += self._buffer.count("\n", self._at, end)
        self._at = end

    def _fill(self) -> None:
        """Forget what is done with and read more, the more the longer the record at hand is."""
        left = self._buffer[self._at :]
        more = self._read(max(CHUNK, len(left)))
        self._buffer, self._at, self._ended = left + more, 0, not more


def _no_constant(name: str) -> NoReturn:
    message = f"{name} is not JSON"
    raise ValueError(message)
