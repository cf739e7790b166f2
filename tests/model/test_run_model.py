"""`make run-model`, and the plug that is pulled: one question, and one whole reply."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from shared.settings import PROJECT_ROOT
from tests.builders import an_owner
from tests.http.client import Client, spoken
from tests.model.launch import missing_reason
from tests.turns.streams import streaming

pytestmark = [pytest.mark.slow, pytest.mark.skipif(missing_reason() is not None, reason=str(missing_reason()))]

TURN_SECONDS = 25
QUESTION = spoken("Tell me a story about a cat.", id="m1")


@asynccontextmanager
async def running(tmp_path: Path) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """Run the command on the data of this test, and return the address it prints, and its process."""
    settings = {"PORT": "0", "STORE": "sqlite", "SQLITE_PATH": str(tmp_path / "parley.db"), "PATH": os.environ["PATH"]}
    settings |= {"MODEL_TIMEOUT_SECONDS": str(TURN_SECONDS), "MODEL_MAX_TOKENS": "48"}
    command = (sys.executable, "-m", "tests.model")
    process = await asyncio.create_subprocess_exec(
        *command, cwd=PROJECT_ROOT, env=settings, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        assert process.stdout
        said = b""
        while b"Ctrl-C" not in said:
            line = await process.stdout.readline()
            assert line, said
            said += line
        found = re.search(r"listens on (\S+)", said.decode())
        assert found
        assert "/api/chat/turns" in said.decode()
        yield found[1], process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await process.wait()


async def test_after_the_plug_was_pulled_there_is_one_question_and_one_whole_reply(tmp_path: Path) -> None:
    owner = an_owner()
    async with aiohttp.ClientSession() as http, asyncio.timeout(240):
        async with running(tmp_path) as (url, process):
            api = Client(http, url, owner)
            async with streaming(api, "POST", "/api/chat/turns", QUESTION | {"session_id": "s"}) as stream:
                assert [(await stream.next()) is not None for _ in range(3)] == [True] * 3
                process.kill()
                await process.wait()
        async with running(tmp_path) as (url, _):
            other_window = Client(http, url, owner)
            answer = await other_window.post("/api/chat/sessions/s/turns", QUESTION)
            while answer.status != 201:
                assert answer.json["code"] in {"turn_in_progress", "model_failed"}  # until the lease is over
                answer = await other_window.post("/api/chat/sessions/s/turns", QUESTION)
            kept = (await other_window.get("/api/chat/sessions/s/messages?order=asc")).json["data"]

    assert answer.status == 201, answer
    assert [message["role"] for message in kept] == ["user", "assistant"]
    assert kept[1] == answer.json["reply"]
    assert kept[1]["metadata"]["reply"]["finish_reason"] in {"stop", "length"}
