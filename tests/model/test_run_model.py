"""`make run-model`, and the plug that is pulled: one question, and one whole reply."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest

from shared.settings import PROJECT_ROOT
from tests.http.client import Client
from tests.model.launch import missing_reason

pytestmark = [pytest.mark.slow, pytest.mark.skipif(missing_reason() is not None, reason=str(missing_reason()))]

TURN_SECONDS = 25


class Running(NamedTuple):
    """The process of the command, its address, and what it says can be tried."""

    process: asyncio.subprocess.Process
    url: str
    to_try: str


@asynccontextmanager
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """Run the command on the data of this test."""
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
        (to_try,) = [line for line in said.decode().splitlines() if "/api/chat/turns" in line]
        assert found
        yield Running(process, found[1], to_try)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await process.wait()


async def shell(command: str) -> asyncio.subprocess.Process:
    """Type a command."""
    return await asyncio.create_subprocess_shell(command, stdout=asyncio.subprocess.PIPE)


async def test_after_the_plug_was_pulled_there_is_one_question_and_one_whole_reply(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as http, asyncio.timeout(240):
        async with running(tmp_path) as first:
            asking = await shell(first.to_try)
            assert asking.stdout
            while b"event: delta" not in await asking.stdout.readline():
                pass
            first.process.kill()
            await asking.communicate()
        async with running(tmp_path) as again:
            told, _ = await (await shell(again.to_try.replace(first.url, again.url))).communicate()
            api = Client(http, again.url, "me")
            (session,) = (await api.get("/api/chat/sessions")).json["data"]
            kept = (await api.get(f"/api/chat/sessions/{session['id']}/messages?order=asc")).json["data"]

    *_, done = told.decode().split("data: ")
    assert [message["role"] for message in kept] == ["user", "assistant"]
    assert kept[1] == json.loads(done)["reply"]
    assert kept[1]["metadata"]["reply"]["finish_reason"] in {"stop", "length"}
