"""As many replies at once as a deployment allows that has set nothing, and one more."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from shared.model_settings import ModelSettings
from tests.http.client import Answer, Client, spoken
from tests.turns.model_server import FakeModel, Script, whole
from tests.turns.streams import streaming
from tests.turns.talking import HELLO, SESSIONS, SOON, said

AT_ONCE = ModelSettings().concurrency


async def ask_in(api: Client, session_id: str) -> Answer:
    return await api.post("/api/chat/turns", {"session_id": session_id, **spoken("Hi", id="m1")})


class Full:
    """An instance that makes as many replies as it may, and what has come of them."""

    def __init__(self, model: FakeModel, asking: list[asyncio.Task[Answer]]) -> None:
        self._model, self._asking = model, asking

    async def end(self) -> list[Answer]:
        """Let all replies end, and return them."""
        while not all(each.done() for each in self._asking):
            self._model.go_on()
            await asyncio.sleep(0)
        return [each.result() for each in self._asking]


@pytest_asyncio.fixture
async def full(api: Client, model: FakeModel) -> AsyncIterator[Full]:
    """Let the instance make as many replies as it may, none of which goes on."""
    model.next(*[Script([None, *whole(HELLO)])] * AT_ONCE)
    instance = Full(model, [asyncio.create_task(ask_in(api, f"s{number}")) for number in range(AT_ONCE)])
    async with asyncio.timeout(SOON):
        while len(model.asked) < AT_ONCE:
            await asyncio.sleep(0.02)
    yield instance
    await instance.end()


async def test_one_more_is_told_to_wait_and_nothing_of_it_is_stored(api: Client, model: FakeModel, full: Full) -> None:
    more = await ask_in(api, "more")
    async with streaming(api, "POST", "/api/chat/turns", spoken("Hi", session_id="more")) as stream:
        streamed = stream.response
    unknown = await api.get(f"{SESSIONS}/more")

    assert AT_ONCE == 32
    assert (more.refusal, int(more.headers["retry-after"])) == ((429, "model_throttled"), 1)
    assert (streamed.status, streamed.headers["retry-after"]) == (429, "1")
    assert unknown.refusal == (404, "session_not_found")
    assert len(model.asked) == AT_ONCE


async def test_what_asks_no_model_goes_on_meanwhile(api: Client, model: FakeModel, full: Full) -> None:
    looked = await api.get(f"{SESSIONS}/s0/turns/m1")
    earlier = await api.post("/api/chat", {"query": "Hi", "session_id": "old"})

    assert looked.json == {"state": "running", "reply": None}
    assert (earlier.status, earlier.json["response"]) == (200, None)
    assert await said(api, f"{SESSIONS}/old") == ["Hi"]
    assert len(model.asked) == AT_ONCE


async def test_when_one_has_ended_there_is_room_again(api: Client, model: FakeModel, full: Full) -> None:
    ended = await full.end()

    assert {(answer.status, answer.json["reply"]["content"]) for answer in ended} == {(201, HELLO)}
    assert (await ask_in(api, "more")).status == 201
