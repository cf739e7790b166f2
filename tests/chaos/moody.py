"""A model that is in a mood: it replies, slowly now and then, fails, breaks off, falls silent, or says nothing."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from shared.model_settings import ModelSettings
from tests.chaos.talks import Talks

MOODS = {"replies": 28, "replies slowly": 40, "fails": 10, "breaks off": 8, "stalls": 5, "is silent": 4, "is empty": 5}
TIMEOUT_SECONDS = 2  # of a whole turn
FINISH = {"choices": [{"delta": {}, "finish_reason": "stop"}]}


class MoodyModel:
    """Records each question, and answers it as the seed has it; no two replies are alike."""

    def __init__(self, talks: Talks, seed: random.Random) -> None:
        """Record into these."""
        self._talks, self._seed = talks, seed
        self.moods: Counter[str] = Counter()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer the newest question; others may have appended something behind it."""
        asked = await request.json()
        said = [str(message["content"]).partition(" ")[0] for message in asked["messages"] if message["role"] == "user"]
        question = next(message_id for message_id in reversed(said) if message_id in self._talks.questions)
        mood = self._seed.choices(list(MOODS), list(MOODS.values()))[0]
        self.moods[mood] += 1
        asking = self._talks.begin(question)
        try:
            return await self._in(mood, request, f"{question} is what answer {len(self._talks.askings)} is about.")
        finally:
            self._talks.end(asking)

    async def _in(self, mood: str, request: web.Request, text: str) -> web.StreamResponse:
        if mood == "fails":
            return web.json_response({"error": {"message": "no"}}, status=500)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        words = [] if mood in {"is silent", "is empty"} else text.split(" ")
        for number, word in enumerate(words):
            if number == 3 and mood == "stalls":
                break
            if number == 3 and mood == "breaks off" and request.transport:
                request.transport.abort()
                return response
            if mood == "replies slowly":
                await asyncio.sleep(self._seed.uniform(0, 0.1))
            await _write(response, {"choices": [{"delta": {"content": f"{' ' if number else ''}{word}"}}]})
        if mood in {"stalls", "is silent"}:
            await asyncio.sleep(60)  # whoever asked has left by then, which ends this
        await _write(response, FINISH)
        await response.write(b"data: [DONE]\n\n")
        return response


async def _write(response: web.StreamResponse, chunk: object) -> None:
    await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")


@asynccontextmanager
async def serving_moody(model: MoodyModel) -> AsyncIterator[ModelSettings]:
    """Serve it on a free port, and give the settings that lead there."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", model.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        yield ModelSettings(endpoint=endpoint, name="moody", timeout_seconds=TIMEOUT_SECONDS)
    finally:
        await runner.cleanup()
