"""Files as they come: packed with gzip or not, in UTF-8 or UTF-16, and those of another kind refused with advice."""

import gzip
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, cast

from typing_extensions import override

from shared.migrate.record import UsageError

if TYPE_CHECKING:
    from io import RawIOBase

BEGIN = 64 * 1024  # bytes looked at to tell what a file is
GZIP = b"\x1f\x8b"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
BINARY_HEAD = 64  # bytes in which every binary format has a zero
FOREIGN: Mapping[bytes, str] = {
    b"PK\x03\x04": "a ZIP file or a spreadsheet: unpack it, or save the sheet as CSV",
    b"\x28\xb5\x2f\xfd": "packed with zstd: unpack it first (zstd -d), or pack it with gzip",
    b"\xfd7zXZ": "packed with xz: unpack it first (unxz), or pack it with gzip",
    b"BZh": "packed with bzip2: unpack it first (bunzip2), or pack it with gzip",
}
SQL = re.compile(r"--|(?:COPY|CREATE|INSERT|SET)\s", re.IGNORECASE)
SQL_DUMP = r"a dump of pg_dump: restore it and name the database, or export the tables with \copy … csv header"
BINARY = "a binary file: export it as JSON in UTF-8 (bsondump does that for mongodump)"
HEADER = re.compile(r'"?[\w.$ -]+"?(?:[,;\t]"?[\w.$ -]+"?)+')
COLUMNS = {"_id", "id", "session_id", "user_id", "customer_id", "message_id", "message_type", "role", "content"}
CSV_NAMES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")


@dataclass(frozen=True, slots=True)
class TextFile:
    """An open file of text, and whether it holds a table; bytes that are no UTF-8 are found where they matter."""

    name: str
    text: TextIOWrapper
    is_csv: bool


def open_text(place: str) -> TextFile:
    """Open a file, or `-` for standard input; OSError or UsageError tells why that cannot be done, or what to do."""
    name = "standard input" if place == "-" else place
    file = _opened(place)
    try:
        if file.peek(2)[:2] == GZIP:
            file = BufferedReader(cast("RawIOBase", _Unpacked(name, file)), BEGIN)
        while (begin := file.peek(BEGIN)[:BEGIN]).isspace():
            file.read(len(begin))  # a pipe may bring blank lines before it brings the rest
        encoding = "utf-16" if begin.startswith(UTF_16) else "utf-8-sig"
        text = begin.decode(encoding, "ignore").lstrip()
        _require_known(name, begin, text)
    except BaseException:
        file.close()
        raise
    is_csv = name.endswith(CSV_NAMES) or _is_header(text.partition("\n")[0].rstrip())
    return TextFile(name, TextIOWrapper(file, encoding, errors="surrogateescape", newline=""), is_csv)


def _opened(place: str) -> BufferedReader:
    if place == "-":
        return open(0, "rb", closefd=False)
    return Path(place).open("rb")


class _Unpacked(gzip.GzipFile):
    """What a gzip file holds; one that is damaged is told as a mistake that a person can mend."""

    def __init__(self, name: str, file: BufferedReader) -> None:
        super().__init__(fileobj=file, mode="rb")
        self._told_name, self._packed = name, file

    @override
    def read(self, size: int | None = -1) -> bytes:
        try:
            return super().read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UsageError(f"{self._told_name} is damaged or cut off: {error}; nothing was imported") from error

    @override
    def close(self) -> None:
        super().close()
        self._packed.close()


def _require_known(name: str, begin: bytes, text: str) -> None:
    if not text.strip():
        raise UsageError(f"{name} is empty; nothing was imported")
    kind = next((kind for magic, kind in FOREIGN.items() if begin.startswith(magic)), None)
    if begin.startswith(b"PGDMP") or SQL.match(text):
        kind = SQL_DUMP
    elif kind is None and b"\0" in begin[:BINARY_HEAD] and not begin.startswith(UTF_16):
        kind = BINARY
    if kind is not None:
        raise UsageError(f"{name} is {kind}")


def _is_header(line: str) -> bool:
    """Return whether a line names columns that a table of messages or sessions may have."""
    names = {name.strip(' "') for name in re.split(r"[,;\t]", line)}
    return HEADER.fullmatch(line) is not None and bool(names & COLUMNS)
