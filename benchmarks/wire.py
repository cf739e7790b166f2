"""HTTP/1.1 messages as they cross the wire: the bytes as they came, and what they say."""

import asyncio
from dataclasses import dataclass

MAX_HEAD_BYTES = 1024 * 1024  # of what precedes a body; the predicates of our Patches are in the body
BODILESS = {204, 304}


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer: the bytes as they came, and the body without its framing."""

    first_line: str
    headers: dict[str, str]
    body: bytes
    raw: bytes

    @property
    def method(self) -> str:
        """The method of a request."""
        return self.first_line.split(" ")[0]

    @property
    def target(self) -> str:
        """The path and query of a request."""
        return self.first_line.split(" ")[1]

    @property
    def status(self) -> int:
        """The status of an answer."""
        return int(self.first_line.split(" ")[1])

    @property
    def charge(self) -> float:
        """What an answer says it cost, in request units."""
        return float(self.headers.get("x-ms-request-charge", 0))


async def read_message(reader: asyncio.StreamReader, *, bodiless: bool = False) -> Message:
    """Read one message; raises IncompleteReadError when the other side has hung up."""
    head = await reader.readuntil(b"\r\n\r\n")
    first_line, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if bodiless or (first_line.startswith("HTTP/") and int(first_line.split(" ")[1]) in BODILESS):
        return Message(first_line, headers, b"", head)
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body, framed = await _read_chunks(reader)
        return Message(first_line, headers, body, head + framed)
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Message(first_line, headers, body, head + body)


async def _read_chunks(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Return a chunked body, joined and as it came."""
    body, framed = b"", b""
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        framed += line
        if not size:
            break
        chunk = await reader.readexactly(size + 2)
        body, framed = body + chunk[:-2], framed + chunk
    while line != b"\r\n":  # trailers, then the empty line
        line = await reader.readuntil(b"\r\n")
        framed += line
    return body, framed
