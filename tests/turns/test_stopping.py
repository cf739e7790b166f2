"""A stop: the reply ends with what there is of it."""

import asyncio

import pytest

from tests.http.client import Client, spoken
from tests.turns.model_server import FakeModel, Script, chunk, whole
from tests.turns.streams import streaming
from tests.turns.talking import SESSIONS, ask, begun

pytestmark = pytest.mark.on_both_stores


async def test_an_unfinished_reply_can_be_stopped(api: Client, chat: str, model: FakeModel) -> None:
    model.next(Script([chunk("Half"), None, *whole("Rest")]))

    async with streaming(api, "POST", f"{chat}/turns", spoken("Hi", id="m1")) as stream:
        await begun(model, stream)
        stopped = await api.delete(f"{chat}/turns/m1")
        events = await stream.all()
    over = await api.delete(f"{chat}/turns/m1")

    assert (stopped.status, over.status) == (204, 204)
    assert events[-1].data["reply"]["content"] == "Half"
    assert events[-1].data["reply"]["metadata"]["reply"]["finish_reason"] == "stopped"
    assert (await ask(api, chat)).json["reply"]["content"] == "Half"


async def test_a_reply_that_is_stopped_before_its_first_word_is_empty(api: Client, chat: str, model: FakeModel) -> None:
    model.next(Script([None]))
    asking = asyncio.create_task(ask(api, chat))
    await model.waiting.wait()

    await api.delete(f"{chat}/turns/m1")

    assert (await asking).json["reply"]["content"] == ""
    await api.post(f"{chat}/turns", spoken("Next"))
    assert [message["content"] for message in model.asked[-1]["messages"]] == ["Hi", "Next"]


async def test_a_stop_of_nothing_is_told_apart(api: Client, chat: str) -> None:
    await api.post(f"{chat}/messages", spoken("Hi", id="m1"))

    assert (await api.delete(f"{chat}/turns/m1")).status == 204
    assert (await api.delete(f"{chat}/turns/never")).refusal == (404, "message_not_found")
    assert (await api.delete(f"{SESSIONS}/never/turns/m1")).refusal == (404, "session_not_found")
