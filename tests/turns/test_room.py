"""As many replies are made at once as the deployment allows: one more is refused, but nothing that asks no model."""

import asyncio
from typing import Any

import pytest

from tests.http.client import Answer, Client, a_session, contents, spoken
from tests.turns.model_server import FakeModel, Script, chunk, whole
from tests.turns.streams import streaming, text_of
from tests.turns.talking import HELLO

pytestmark = pytest.mark.on_both_stores


@pytest.fixture
def model_settings() -> dict[str, Any]:
    """Let one reply be made at once."""
    return {"concurrency": 1}


@pytest.fixture
async def chats(api: Client) -> list[str]:
    """Name a session in which a reply is stored, and one in which one is being made."""
    return [(await a_session(api))["id"] for _ in range(2)]


@pytest.fixture
async def running(api: Client, chats: list[str], model: FakeModel) -> asyncio.Task[Answer]:
    """Have a reply stored, and the only one that there is room for begun."""
    await say(api, chats[0])
    model.next(Script([chunk("Half"), None, *whole(" whole")]))
    asking = asyncio.create_task(say(api, chats[1]))
    await model.waiting.wait()
    return asking


async def say(api: Client, session_id: str, message_id: str = "m1", *, anywhere: bool = False) -> Answer:
    said = spoken("Hi", id=message_id)
    if anywhere:
        return await api.post("/api/chat/turns", {**said, "session_id": session_id})
    return await api.post(f"/api/chat/sessions/{session_id}/turns", said)


@pytest.mark.parametrize("anywhere", [False, True])
async def test_a_repeat_finds_its_reply(
    api: Client, chats: list[str], running: asyncio.Task[Answer], model: FakeModel, *, anywhere: bool
) -> None:
    answer = await say(api, chats[0], anywhere=anywhere)

    assert (answer.status, answer.json["reply"]["content"]) == (200, HELLO)
    assert len(model.asked) == 2
    running.cancel()


@pytest.mark.parametrize("anywhere", [False, True])
async def test_a_repeat_joins_its_reply_while_that_is_made(
    api: Client, chats: list[str], running: asyncio.Task[Answer], model: FakeModel, *, anywhere: bool
) -> None:
    repeating = asyncio.create_task(say(api, chats[1], anywhere=anywhere))
    silent = asyncio.create_task(api.post(f"/api/chat/sessions/{chats[1]}/turns", {}))
    async with streaming(api, "GET", f"/api/chat/sessions/{chats[1]}/turns/m1") as stream:
        assert await stream.next()
        await asyncio.sleep(0)
        model.go_on()
        assert text_of(await stream.all()) == "Half whole"

    replies = [answer.json["reply"] for answer in await asyncio.gather(running, repeating, silent)]
    assert replies == [replies[0]] * 3
    assert len(model.asked) == 2


@pytest.mark.parametrize("anywhere", [False, True])
async def test_one_more_is_refused_and_not_stored(
    api: Client, chats: list[str], running: asyncio.Task[Answer], *, anywhere: bool
) -> None:
    answer = await say(api, chats[0], "m2", anywhere=anywhere)
    anew = await api.post(f"/api/chat/sessions/{chats[0]}/turns/m1/regenerate", {})

    assert answer.refusal == anew.refusal == (429, "model_throttled")
    assert (answer.headers["Retry-After"], anew.headers["Retry-After"]) == ("1", "1")
    assert contents(await api.get(f"/api/chat/sessions/{chats[0]}/messages?order=asc")) == ["Hi", HELLO]
    running.cancel()


async def test_what_is_refused_anyway_is_told_as_ever(
    api: Client, chats: list[str], running: asyncio.Task[Answer]
) -> None:
    assert (await say(api, "unknown")).refusal == (404, "session_not_found")
    assert (await api.post("/api/chat/turns", spoken("Hi"))).refusal == (429, "model_throttled")
    running.cancel()


async def test_there_is_room_again_when_a_reply_is_over(
    api: Client, chats: list[str], running: asyncio.Task[Answer], model: FakeModel
) -> None:
    model.go_on()
    await running

    assert (await say(api, chats[0], "m2")).status == 201


async def test_a_repeat_by_its_key_finds_its_reply_in_the_session_that_was_made_for_it(
    api: Client, model: FakeModel
) -> None:
    async def once() -> Answer:
        return await api.post("/api/chat/turns", spoken("Hi"), idempotency_key="k1")

    stored = await once()
    model.next(Script([None]))
    busy = asyncio.create_task(api.post("/api/chat/turns", spoken("Hi")))
    await model.waiting.wait()

    again, other = await once(), await api.post("/api/chat/turns", spoken("Hi"), idempotency_key="k2")

    assert (again.status, again.json["reply"]) == (200, stored.json["reply"])
    assert other.refusal == (429, "model_throttled")
    busy.cancel()
