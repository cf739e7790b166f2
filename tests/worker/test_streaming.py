"""Functions on Microsoft's runtime with HTTP_STREAMING: the same as ever, and answers that come bit by bit."""

import asyncio
import gc
import json
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
from azure_functions_runtime.http_v2 import HttpV2Registry, http_coordinator

from shared.settings import PROJECT_ROOT
from tests.builders import an_owner
from tests.http.client import PROBLEM, Client, a_session, contents, spoken
from tests.turns.model_server import Script, chunk, serving_model, whole
from tests.turns.streams import streaming, text_of
from tests.worker.host import serving
from tests.worker.runtime import started

ANNOUNCED = ("HttpUri", "RequiresRouteParameters")
OF_STREAMING = ("azurefunctions", "shared.http.web_extension")
REQUESTS = 3_000
TOGETHER = 10
KEPT_BLOCKS = 1_500  # of 512 bytes at most; the coordinator would keep eight of each request
AN_APP = """
import asyncio

import azure.functions as func

from shared.http.streaming import Streamed, can_stream, let_the_host_stream
from shared.settings import load_settings

let_the_host_stream(load_settings())
app = func.FunctionApp()
events = asyncio.Queue()
closed, asked, answering = asyncio.Event(), asyncio.Event(), asyncio.Event()
seen = []

async def close():
    pass

async def chunks():
    try:
        while (event := await events.get()) is not None:
            yield event
    finally:
        await asyncio.sleep(0)  # what is left may be tidied up in peace
        closed.set()

@app.route("stream", methods=["GET"])
async def stream(req: func.HttpRequest) -> func.HttpResponse:
    assert can_stream(req)
    return Streamed(chunks(), headers={"x-more": "1"})

@app.route("slow", methods=["GET"])
async def slow(req: func.HttpRequest) -> func.HttpResponse:
    asked.set()
    await answering.wait()
    seen.append("answered")
    return func.HttpResponse()

@app.route("broken", methods=["GET"])
async def broken(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("secret detail")

@app.route("echo/{name}/of", methods=["GET", "POST", "DELETE", "OPTIONS"])
async def echo(req: func.HttpRequest) -> func.HttpResponse:
    seen.append((req.method, req.route_params["name"]))
    return func.HttpResponse(req.get_body())
"""


@pytest.fixture(autouse=True)
def first_look() -> Iterator[None]:
    """Let the runtime look anew for an extension, and have forgotten it afterwards: it looks once in a process."""
    unseen: dict[str, Any] = {"_http_v2_enabled": False, "_http_v2_enabled_checked": False, "_ext_base": None}
    with mock.patch.multiple(HttpV2Registry, **unseen):
        yield
    HttpV2Registry.http_v2_enabled()  # none was there before the first of these tests, whether or not it had looked
    HttpV2Registry._http_v2_enabled = False
    for name in [name for name in sys.modules if name.startswith(OF_STREAMING)]:
        del sys.modules[name]


@asynccontextmanager
async def served(folder: Path, **settings: str) -> AsyncIterator[tuple[Client, ModuleType]]:
    """Serve the functions of a folder over HTTP, and return a client and the functions' module."""
    environment = {"STORE": "sqlite", "SQLITE_PATH": str(folder / "parley.db"), "HTTP_STREAMING": "true", **settings}
    async with started(folder, environment) as runtime, serving(runtime, an_owner()) as client:
        assert set(ANNOUNCED) <= runtime.capabilities.keys()
        yield client, runtime.app_module


@pytest.fixture
async def parley(tmp_path: Path) -> AsyncIterator[Client]:
    """Serve the project's own functions."""
    async with served(PROJECT_ROOT, SQLITE_PATH=str(tmp_path / "parley.db")) as (client, _):
        yield client


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[tuple[Client, ModuleType]]:
    """Serve a small app that streams and fails on demand."""
    (tmp_path / "function_app.py").write_text(AN_APP)
    async with served(tmp_path) as both:
        yield both


Small = tuple[Client, ModuleType]


async def test_the_first_event_arrives_before_the_last_is_made(small: Small) -> None:
    client, app = small
    async with client.http.get(f"{client.url}/api/stream") as response:
        for event in (b"data: one\n\n", b"data: two\n\n"):
            app.events.put_nowait(event)
            assert await response.content.readany() == event
        app.events.put_nowait(None)
        assert await response.content.read() == b""

    assert (response.status, response.headers["x-more"]) == (200, "1")
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"


async def test_a_client_that_goes_away_closes_what_makes_the_events(small: Small) -> None:
    client, app = small
    response = await client.http.get(f"{client.url}/api/stream")
    app.events.put_nowait(b"data: one\n\n")
    await response.content.readany()

    response.close()

    await app.closed.wait()


async def test_a_function_that_has_not_answered_goes_on_when_its_client_goes(small: Small) -> None:
    client, app = small
    asking = asyncio.create_task(client.get("/api/slow"))
    await app.asked.wait()

    asking.cancel()
    await asyncio.wait({asking})
    while any(task.get_coro().__name__ == "_forward" for task in asyncio.all_tasks()):
        await asyncio.sleep(0.01)  # until the host has noticed
    app.answering.set()

    while app.seen != ["answered"]:
        await asyncio.sleep(0.01)


async def test_a_body_that_breaks_off_reaches_no_function(small: Small) -> None:
    client, app = small
    host, _, port = client.url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /api/echo/me/of HTTP/1.1\r\nHost: parley.test\r\nContent-Length: 100\r\n\r\nhalf of i")
    await writer.drain()
    while not http_coordinator._context_references:
        await asyncio.sleep(0.01)

    writer.close()

    while http_coordinator._context_references:
        await asyncio.sleep(0.01)
    assert app.seen == []


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
async def test_method_route_and_body_reach_the_function(small: Small, method: str) -> None:
    client, app = small
    body = b"" if method == "GET" else b"\x00\xff" * 70_000
    answer = await client.send(method, "/api/echo/a%20b%C3%BC/of?c=d", body)

    assert (answer.status, answer.body) == (200, body)
    assert app.seen == [(method, "a bü")]


async def test_what_a_function_raises_is_an_empty_500(small: Small) -> None:
    answer = await small[0].get("/api/broken")

    assert (answer.status, answer.body) == (500, b"")


async def test_nothing_is_kept_of_a_request(small: Small) -> None:
    client, app = small
    await several(client, app, REQUESTS // 10)
    gc.collect()
    before = sys.getallocatedblocks()
    await several(client, app, REQUESTS)
    gc.collect()

    assert sys.getallocatedblocks() - before < KEPT_BLOCKS
    assert http_coordinator._context_references == {}


async def several(client: Client, app: ModuleType, requests: int) -> None:
    for _ in range(requests // TOGETHER):
        answers = await asyncio.gather(*(client.post("/api/echo/me/of", {"content": "Hello"}) for _ in range(TOGETHER)))
        assert {answer.status for answer in answers} == {200}
    app.seen.clear()


async def test_a_body_that_is_sent_in_chunks_arrives(parley: Client) -> None:
    session = await a_session(parley)
    path = f"/api/chat/sessions/{session['id']}/messages"
    headers = {"x-user-id": str(parley.user), "content-type": "application/json"}
    async with parley.http.post(parley.url + path, data=in_chunks(spoken("in chunks")), headers=headers) as answer:
        assert answer.status == 201

    assert contents(await parley.get(path)) == ["in chunks"]


async def test_chunks_of_nothing_are_refused(parley: Client) -> None:
    headers = {"x-user-id": str(parley.user), "content-type": "application/json"}
    url = f"{parley.url}/api/chat/sessions"
    async with parley.http.post(url, data=in_chunks(None), headers=headers) as answer:
        assert (answer.status, answer.headers["content-type"]) == (411, PROBLEM)


async def in_chunks(body: object) -> AsyncIterator[bytes]:
    if body is not None:
        text = json.dumps(body).encode()
        yield text[:5]
        yield text[5:]


async def test_a_worker_that_cannot_listen_ends(small: Small) -> None:
    from shared.http.web_extension import WebApp, WebServer  # noqa: PLC0415 - its import lets the runtime listen

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit, match="cannot listen"):
        await WebServer("127.0.0.1", taken.getsockname()[1], WebApp()).serve()


async def test_the_functions_are_those_without_streaming(tmp_path: Path) -> None:
    environment = {"STORE": "sqlite", "SQLITE_PATH": str(tmp_path / "parley.db")}
    async with started(PROJECT_ROOT, environment) as classic:
        assert not set(ANNOUNCED) & classic.capabilities.keys()
    HttpV2Registry._http_v2_enabled_checked = False
    async with started(PROJECT_ROOT, environment | {"HTTP_STREAMING": "true"}) as streaming:
        assert streaming.functions == classic.functions


async def test_a_runtime_that_has_looked_before_answers_as_ever(tmp_path: Path) -> None:
    assert not HttpV2Registry.http_v2_enabled()
    environment = {"STORE": "sqlite", "SQLITE_PATH": str(tmp_path / "parley.db"), "HTTP_STREAMING": "true"}
    async with started(PROJECT_ROOT, environment) as runtime, serving(runtime, an_owner()) as client:
        assert not set(ANNOUNCED) & runtime.capabilities.keys()
        assert await a_session(client)


async def test_a_turn_is_streamed_from_the_model_to_the_client(tmp_path: Path) -> None:
    async with serving_model() as model:
        model.next(Script([chunk("one "), None, *whole("two")]))
        named = {"MODEL_ENDPOINT": f"{model.url}/v1", "MODEL_NAME": "small"}
        async with (
            served(PROJECT_ROOT, SQLITE_PATH=str(tmp_path / "parley.db"), **named) as (client, _),
            streaming(client, "POST", "/api/chat/turns", spoken("Hi", id="m1")) as stream,
        ):
            first = [await stream.next(), await stream.next()]
            model.go_on()
            rest = await stream.all()

    assert [event and event.name for event in first] == ["turn", "delta"]
    assert text_of(rest) == "two"
    assert rest[-1].data["reply"]["content"] == "one two"
