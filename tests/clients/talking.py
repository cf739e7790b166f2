"""A Parley with a model of the test's, and a network in between that cuts streams where the test says."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.listening import close_listener, loop_beside
from tests.turns.model_server import FakeModel, Script, serving_model

PIECE_BYTES = 65_536


@dataclass
class Cutter:
    """Passes bytes on in both directions, and cuts a connection off right behind a text that an answer has."""

    host: str
    port: int
    url: str = ""
    cuts: list[tuple[bytes, Callable[[], object]]] = field(default_factory=list)

    def cut_behind(self, text: str, then: Callable[[], object] = lambda: None) -> None:
        """Cut behind this text, once, and after what is to be cut already; then call `then`."""
        self.cuts.append((text.encode(), then))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on until either side ends.

        Nothing but its client's connection holds this task: one that went on without it could be collected midway.
        """
        with suppress(OSError, asyncio.CancelledError), closing(writer):  # whoever cancels is at the end of all
            from_server, to_server = await asyncio.open_connection(self.host, self.port)
            with closing(to_server):
                ways = {
                    asyncio.create_task(_pump(reader, to_server)),
                    asyncio.create_task(self._answer(from_server, writer)),
                }
                _, going_on = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in going_on:
                    way.cancel()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = b""
        with suppress(OSError):
            while piece := await reader.read(PIECE_BYTES):
                before, said = len(said), said + piece
                if self.cuts and self.cuts[0][0] in said:
                    text, then = self.cuts.pop(0)
                    writer.write(said[before : said.index(text) + len(text)])
                    await writer.drain()
                    then()
                    return
                writer.write(piece)
                await writer.drain()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(PIECE_BYTES):
            writer.write(piece)
            await writer.drain()


class Model:
    """The model of tests/turns, in a loop of its own, for clients that block their thread."""

    def __init__(self, fake: FakeModel, loop: asyncio.AbstractEventLoop) -> None:
        self._fake = fake
        self._loop = loop

    @property
    def url(self) -> str:
        """Its base address."""
        return f"{self._fake.url}/v1"

    @property
    def asked(self) -> list[dict[str, Any]]:
        """What it was asked."""
        return self._fake.asked

    def next(self, *scripts: Script) -> None:
        """Answer the next questions so, and then as usual."""
        self._fake.next(*scripts)

    def judge(self, judge: Callable[[dict[str, Any]], Script | None]) -> None:
        """Answer each question as this says, and as usual where it says None."""
        self._fake.judge = judge

    def go_on(self) -> None:
        """Let what waits go on, or what will wait next."""
        self._loop.call_soon_threadsafe(self._fake.go_on)


@contextmanager
def a_model() -> Iterator[Model]:
    """Run a model until the block ends."""
    with loop_beside() as beside:
        yield Model(beside.run(beside.stack.enter_async_context(serving_model())), beside.loop)


@contextmanager
def cutter_before(url: str) -> Iterator[Cutter]:
    """Stand before a server until the block ends; `url` leads there."""
    host, _, port = url.removeprefix("http://").partition(":")
    cutter = Cutter(host, int(port))
    with loop_beside() as beside:
        server = beside.run(asyncio.start_server(cutter.serve, "127.0.0.1", 0))
        beside.stack.push_async_callback(close_listener, server)
        cutter.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield cutter
