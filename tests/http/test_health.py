"""Health, and what becomes of requests while the store cannot be reached."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from shared.store.cosmos import CosmosStore
from shared.store.port import SessionStore
from shared.store.sqlite import SqliteStore
from shared.version import VERSION
from tests.cosmos_server.launch import ANY_KEY
from tests.http.client import Answer, Client, spoken
from tests.http.conftest import Serve

SESSIONS = "/api/chat/sessions"
FEW_SECONDS = 8


async def test_health_names_the_store_and_how_long_it_took(api: Client, store: SessionStore) -> None:
    answer = await api.get("/api/health")

    assert (answer.status, answer.json["store"]) == (200, store.name)
    assert answer.json["latency_ms"] >= 0


async def test_health_tells_the_version(api: Client) -> None:
    assert (await api.get("/api/health")).json["version"] == VERSION


async def test_health_may_be_asked_by_head(api: Client) -> None:
    answer = await api.send("HEAD", "/api/health")

    assert (answer.status, answer.body) == (200, b"")


async def test_health_asks_the_store_once_in_two_seconds(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []
    store = SqliteStore(tmp_path / "parley.db")

    async def ping() -> None:
        asked.append(time.monotonic())

    monkeypatch.setattr(store, "ping", ping)
    async with serve(store) as api:
        await asyncio.gather(*(api.get("/api/health") for _ in range(20)))
        await asyncio.sleep(2.05)
        await api.get("/api/health")

    assert len(asked) == 2


async def test_health_does_not_wait_for_a_store_that_never_answers(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = SqliteStore(tmp_path / "parley.db")
    monkeypatch.setattr(store, "ping", asyncio.Event().wait)

    async with serve(store) as api, asyncio.timeout(FEW_SECONDS):
        answer = await api.get("/api/health")

    assert_says_when_to_come_back(answer)


def a_store_nobody_listens_for(_: Path) -> SessionStore:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return CosmosStore(f"http://127.0.0.1:{port}", ANY_KEY, "parley", "sessions", emulator=True)


def a_file_below_a_file(folder: Path) -> SessionStore:
    (folder / "file").touch()
    return SqliteStore(folder / "file" / "parley.db")


def a_folder_for_a_file(folder: Path) -> SessionStore:
    return SqliteStore(folder)


@pytest_asyncio.fixture(
    loop_scope="module", params=[a_store_nobody_listens_for, a_file_below_a_file, a_folder_for_a_file]
)
async def cut_off(request: pytest.FixtureRequest, tmp_path: Path, serve: Serve) -> AsyncIterator[Client]:
    """Serve a store that cannot be reached."""
    store = request.param(tmp_path)
    async with serve(store) as client:
        yield client
    await store.close()


def assert_says_when_to_come_back(answer: Answer) -> None:
    assert answer.refusal == (503, "store_unavailable")
    assert 1 <= int(answer.headers["retry-after"]) <= 60


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", SESSIONS, b""),
        ("POST", SESSIONS, {}),
        ("POST", f"{SESSIONS}/any/messages", spoken()),
        ("POST", "/api/chat/messages", spoken()),
        ("GET", f"{SESSIONS}/any", b""),
        ("PATCH", f"{SESSIONS}/any", {"tags": []}),
        ("DELETE", f"{SESSIONS}/any", b""),
        ("GET", f"{SESSIONS}/any/messages", b""),
    ],
)
async def test_a_store_that_cannot_be_reached_is_503_within_seconds(
    cut_off: Client, method: str, path: str, body: object
) -> None:
    async with asyncio.timeout(FEW_SECONDS):
        answer = await cut_off.send(method, path, body)

    assert_says_when_to_come_back(answer)


async def test_health_says_that_the_store_cannot_be_reached(cut_off: Client) -> None:
    async with asyncio.timeout(FEW_SECONDS):
        answer = await cut_off.get("/api/health")

    assert_says_when_to_come_back(answer)


async def test_a_request_that_is_wrong_in_itself_needs_no_store(cut_off: Client) -> None:
    assert (await cut_off.post(SESSIONS, {"colour": "blue"})).status == 422
    assert (await cut_off.get(f"{SESSIONS}/-bad")).status == 404


async def test_a_store_that_comes_back_is_used_again(serve: Serve, tmp_path: Path) -> None:
    obstacle = tmp_path / "data"
    obstacle.touch()
    store = SqliteStore(obstacle / "parley.db")
    async with serve(store) as api:
        before = await api.post(SESSIONS, {})
        obstacle.unlink()
        after = await api.post(SESSIONS, {})
    await store.close()

    assert (before.status, after.status) == (503, 201)
