"""Answers that come bit by bit, through the local host."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import azure.functions as func
import pytest

from shared.http.streaming import Streamed, can_stream
from tests.unit.local_host_app import serving


class Source:
    """Pieces that a test hands over, and what became of whoever reads them."""

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self.closed = asyncio.Event()
        self.asked: func.HttpRequest | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            while (piece := await self.pieces.get()) is not None:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.closed.set()

    def app(self) -> func.FunctionApp:
        app = func.FunctionApp()

        @app.route("stream", methods=["GET"])
        async def stream(req: func.HttpRequest) -> func.HttpResponse:
            self.asked = req
            return Streamed(self.chunks(), status_code=201, headers={"x-more": "1"})

        return app


@pytest.fixture
async def source() -> Source:
    return Source()


@pytest.fixture
async def client(source: Source) -> AsyncIterator[aiohttp.ClientSession]:
    async with serving(source.app()) as session:
        yield session


async def test_each_piece_arrives_before_the_next_is_made(client: aiohttp.ClientSession, source: Source) -> None:
    async with asyncio.timeout(5), client.get("/api/stream") as response:
        for piece in (b"one", b"two"):
            source.pieces.put_nowait(piece)
            assert await response.content.readany() == piece
        source.pieces.put_nowait(None)
        assert await response.content.read() == b""

    assert (response.status, response.headers["x-more"]) == (201, "1")
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert source.asked
    assert can_stream(source.asked)


async def test_a_client_that_goes_away_closes_the_pieces_alone(client: aiohttp.ClientSession, source: Source) -> None:
    response = await client.get("/api/stream")
    source.pieces.put_nowait(b"one")
    await response.content.readany()

    response.close()

    async with asyncio.timeout(5):
        await source.closed.wait()


async def test_a_piece_that_fails_breaks_the_answer_off(client: aiohttp.ClientSession, source: Source) -> None:
    response = await client.get("/api/stream")
    source.pieces.put_nowait(RuntimeError("secret detail"))

    with pytest.raises(aiohttp.ClientPayloadError):
        await response.read()


def test_a_plain_request_cannot_be_answered_bit_by_bit() -> None:
    assert not can_stream(func.HttpRequest("GET", "http://parley.test/", body=b""))
