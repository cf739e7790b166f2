"""A request whose work is broken off is answered, whatever it ends with; only its own end is let through."""

import asyncio

import azure.functions as func
import pytest

from shared.http.boundary import respond
from shared.http.call import Answer
from shared.http.endpoint import Endpoint
from shared.service import ChatService
from shared.settings import Settings
from shared.store.port import SessionStore
from tests.http.client import Client, refused_before_any_store_is_asked, spoken

SESSION = "/api/chat/sessions/any"
ROUTES = [
    ("read", "GET", SESSION),
    ("append", "POST", f"{SESSION}/messages"),
    ("list_sessions", "GET", "/api/chat/sessions"),
    ("erase", "DELETE", "/api/chat/data"),
]
A_REQUEST = func.HttpRequest("GET", "http://parley.test/api/health", body=b"")

OPEN_TO_ALL = Endpoint(tag="Service", answers={}, owner=None)

pytestmark = refused_before_any_store_is_asked


class Unforeseen(BaseException):
    """Something that is no Exception."""


async def a_cancelled_task(*_: object, **__: object) -> None:
    """Wait for a task that is cancelled meanwhile."""
    task = asyncio.create_task(asyncio.sleep(60))
    asyncio.get_running_loop().call_soon(task.cancel)
    await task


async def something_unforeseen(*_: object, **__: object) -> None:
    raise Unforeseen("the secret detail")


@pytest.mark.parametrize(("verb", "method", "path"), ROUTES)
@pytest.mark.parametrize("ends", [a_cancelled_task, something_unforeseen])
async def test_what_is_broken_off_is_a_503_that_may_be_sent_again(
    api: Client, store: SessionStore, monkeypatch: pytest.MonkeyPatch, ends: object, verb: str, method: str, path: str
) -> None:
    monkeypatch.setattr(store, verb, ends)

    answer = await api.send(method, path, *([spoken()] if method == "POST" else []))

    assert answer.refusal == (503, "store_unavailable")
    assert "retry-after" in answer.headers
    assert b"secret" not in answer.body


async def test_an_answer_that_cannot_be_written_is_a_problem_document(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unwritable(_: object) -> object:
        return object()

    monkeypatch.setattr(ChatService, "health", unwritable)

    assert (await api.get("/api/health")).refusal == (500, "internal_error")


async def test_the_end_of_the_requests_own_task_is_let_through(store: SessionStore, settings: Settings) -> None:
    started = asyncio.Event()

    @OPEN_TO_ALL
    async def wait(_: object) -> Answer[None]:
        started.set()
        await asyncio.sleep(60)
        return Answer()

    answering = asyncio.create_task(respond(A_REQUEST, ChatService(store, settings), wait, route="wait"))
    await started.wait()
    answering.cancel()

    with pytest.raises(asyncio.CancelledError):
        await answering


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
async def test_the_end_of_the_process_is_let_through(
    store: SessionStore, settings: Settings, end: type[BaseException]
) -> None:
    @OPEN_TO_ALL
    async def stop(_: object) -> Answer[None]:
        raise end

    with pytest.raises(end):
        await respond(A_REQUEST, ChatService(store, settings), stop, route="stop")
