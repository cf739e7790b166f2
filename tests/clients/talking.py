"""A Parley with a model of the test's, and a network in between that cuts streams where the test says."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.turns.model_server import FakeModel, Script, serving_model

if TYPE_CHECKING:
    from concurrent.futures import Future

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
        """Pass one connection on."""
        from_server, to_server = await asyncio.open_connection(self.host, self.port)
        asking = asyncio.create_task(_pump(reader, to_server))
        try:
            with suppress(OSError, asyncio.CancelledError):  # whoever cancels is at the end of all
                await self._answer(from_server, writer)
        finally:
            asking.cancel()
            to_server.close()
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = b""
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
    with _loop() as (loop, stack):
        fake = _in(loop, stack.enter_async_context(serving_model()))
        yield Model(fake, loop)


@contextmanager
def cutter_before(url: str) -> Iterator[Cutter]:
    """Stand before a server until the block ends; `url` leads there."""
    host, _, port = url.removeprefix("http://").partition(":")
    cutter = Cutter(host, int(port))
    with _loop() as (loop, stack):
        server = _in(loop, asyncio.start_server(cutter.serve, "127.0.0.1", 0))
        stack.callback(server.close)
        cutter.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield cutter


def _in(loop: asyncio.AbstractEventLoop, work: Any) -> Any:
    done: Future[Any] = asyncio.run_coroutine_threadsafe(work, loop)
    return done.result()


@contextmanager
def _loop() -> Iterator[tuple[asyncio.AbstractEventLoop, AsyncExitStack]]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    stack = AsyncExitStack()
    try:
        yield loop, stack
    finally:
        _in(loop, stack.aclose())
        _in(loop, _settle())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _settle() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
