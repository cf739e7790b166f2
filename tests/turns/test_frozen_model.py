"""A model whose process stands still: its connections stay open, and nothing comes."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from shared.model_settings import ModelSettings
from shared.settings import PROJECT_ROOT
from shared.store.port import SessionStore
from shared.turns import model as client
from tests.http.client import a_session, spoken
from tests.http.conftest import Serve
from tests.turns.streams import streaming, text_of
from tests.turns.talking import SESSIONS, ask, said

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


@pytest_asyncio.fixture
async def ticking() -> AsyncIterator[tuple[Process, str]]:
    """Run a model in a process of its own, which is asked at this endpoint."""
    command = (sys.executable, "-m", "tests.turns.ticking_model")
    process = await asyncio.create_subprocess_exec(*command, cwd=PROJECT_ROOT, stdin=PIPE, stdout=PIPE)
    assert process.stdout
    port = (await process.stdout.readline()).decode().strip()
    yield process, f"http://127.0.0.1:{port}/v1"
    process.kill()
    await process.wait()


async def test_of_a_model_that_freezes_half_a_reply_is_kept_and_when_it_thaws_it_is_asked_again(
    serve: Serve, store: SessionStore, ticking: tuple[Process, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    process, endpoint = ticking
    monkeypatch.setattr(client, "BETWEEN_EVENTS_SECONDS", 0.5)
    async with serve(store, model=ModelSettings(endpoint=endpoint, name="ticking")) as api:
        chat = f"{SESSIONS}/{(await a_session(api))['id']}"
        async with streaming(api, "POST", f"{chat}/turns", spoken("200", id="m1")) as stream:
            first = [event for _ in range(3) if (event := await stream.next())]
            process.send_signal(signal.SIGSTOP)
            rest = await stream.all()
        monkeypatch.setattr(client, "FIRST_EVENT_SECONDS", 0.5)
        frozen = await ask(api, chat, "2", "m2")
        monkeypatch.undo()
        process.send_signal(signal.SIGCONT)
        thawed = await ask(api, chat, "2", "m2")

        half = text_of([*first, *rest])
        assert half.startswith("tick tick ")
        assert rest[-1].data["reply"]["metadata"]["reply"]["finish_reason"] == "model_timeout"
        assert frozen.refusal == (504, "model_timeout")
        assert thawed.status == 201
        assert await said(api, chat) == ["200", half, "2", "tick tick "]
