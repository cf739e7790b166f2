"""A small OpenAI-compatible model on loopback, which does what a test tells it to."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from shared.model_settings import ModelSettings

REPLY = ("Hel", "lo", " there", ".")
USAGE = {"prompt_tokens": 20, "completion_tokens": 4}


def chunk(content: str | None = None, **choice: Any) -> dict[str, Any]:
    """Return a chunk as it is streamed."""
    delta = choice.pop("delta", {} if content is None else {"content": content})
    return {"model": "small-2026", "choices": [{"index": 0, "delta": delta, "finish_reason": None, **choice}]}


def whole(*texts: str, finish: str = "stop") -> list[Any]:
    """Return all chunks of a reply."""
    return [*map(chunk, texts), chunk(finish_reason=finish), {"choices": [], "usage": USAGE}]


def calling(*pieces: str, name: str = "trains") -> list[Any]:
    """Return the chunks of a call whose arguments come in these pieces."""
    first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}}
    rest = [{"index": 0, "function": {"arguments": piece}} for piece in pieces]
    return [
        *(chunk(delta={"tool_calls": [call]}) for call in (first, *rest)),
        chunk(finish_reason="tool_calls"),
    ]


@dataclass
class Script:
    """What one answer is: a status with a body, or chunks.

    Among these a number is a pause of so many seconds, and `None` waits until the test goes on.
    """

    chunks: list[Any] = field(default_factory=lambda: whole(*REPLY))
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    breaks_off: bool = False
    ends_with_done: bool = True
    ends_with_newline: bool = True


class FakeModel:
    """The model, and what it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.peers: list[Any] = []
        self.scripts: list[Script] = []
        self.usual = Script()
        self.going_on = asyncio.Event()
        self.waiting = asyncio.Event()
        self.judge: Callable[[dict[str, Any]], Script | None] = lambda _: None
        self.left = 0
        self.runner: web.AppRunner | None = None

    def next(self, *scripts: Script) -> None:
        """Answer the next questions so, and then as usual."""
        self.scripts += scripts

    def go_on(self) -> None:
        """Let what waits go on."""
        self.going_on.set()

    async def listen(self, listener: socket.socket) -> None:
        """Listen at this address, too."""
        assert self.runner
        await web.SockSite(self.runner, listener).start()

    @property
    def settings(self) -> ModelSettings:
        """The settings that lead here."""
        return ModelSettings(endpoint=f"{self.url}/v1", name="small", key="sk-very-secret", timeout_seconds=20)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one question."""
        asked = await request.json()
        self.asked.append(asked)
        self.headers.append(dict(request.headers))
        self.peers.append(request.transport and request.transport.get_extra_info("peername"))
        script = self.judge(asked) or (self.scripts.pop(0) if self.scripts else self.usual)
        if script.status != 200:
            return web.json_response(script.body, status=script.status, headers=script.headers)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        try:
            await self._stream(request, response, script)
        except (ConnectionResetError, asyncio.CancelledError):
            self.left += 1
            raise
        return response

    async def _stream(self, request: web.Request, response: web.StreamResponse, script: Script) -> None:
        for place, each in enumerate(script.chunks, 1):
            if each is None:
                self.waiting.set()
                await self.going_on.wait()
                self.going_on.clear()
            elif isinstance(each, float):
                await asyncio.sleep(each)
            else:
                data = each if isinstance(each, bytes) else json.dumps(each).encode()
                is_open = place == len(script.chunks) and not script.ends_with_newline
                await response.write(b"data: " + data + (b"" if is_open else b"\n\n"))
        if script.breaks_off and request.transport:
            request.transport.abort()
        elif script.ends_with_done:
            await response.write(b"data: [DONE]\n\n")


@asynccontextmanager
async def serving_model() -> AsyncIterator[FakeModel]:
    """Serve a model on a free port."""
    model = FakeModel()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", model.answer)
    model.runner = runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        model.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield model
    finally:
        await runner.cleanup()
