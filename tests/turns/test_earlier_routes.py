"""The routes of the earlier systems, with a model behind them."""

import asyncio

import pytest

from shared.errors import StoreThrottledError
from shared.store.port import SessionStore
from tests.http.client import Client, contents, spoken
from tests.turns.model_server import FakeModel, Script, chunk, whole
from tests.turns.talking import HELLO

pytestmark = pytest.mark.on_both_stores


async def test_the_earlier_routes_answer_with_the_model(api: Client, model: FakeModel) -> None:
    asked = await api.post("/api/chat", {"query": "Hi", "session_id": "old"})
    told = await api.post("/api/unified/scriptwriter-chat", {"message": "Hi"})

    assert (asked.json["response"], asked.json["conversation_length"]) == (HELLO, 2)
    assert told.json["result"] == HELLO


async def test_on_the_earlier_routes_a_model_that_fails_is_null(api: Client, model: FakeModel) -> None:
    model.next(Script(status=500, body={}), Script([]))

    asked = await api.post("/api/chat", {"query": "Hi", "session_id": "old"})
    told = await api.post("/api/unified/scriptwriter-chat", {"message": "Hi"})

    assert (asked.status, asked.json["response"], asked.json["conversation_length"]) == (200, None, 1)
    assert (told.status, told.json["result"]) == (200, None)


async def test_on_the_earlier_routes_words_are_stored_once_though_their_reply_lost_its_place(
    api: Client, model: FakeModel
) -> None:
    model.next(Script([chunk("Half"), None, *whole("Rest")]))
    asking = asyncio.create_task(api.post("/api/chat", {"query": "Hi", "session_id": "old"}))
    await model.waiting.wait()
    messages = "/api/chat/sessions/old/messages"
    await api.post(messages, spoken("A note", id="note"))
    await api.delete(f"{messages}?after=1")
    model.go_on()

    asked = await asking

    assert (asked.status, asked.json["response"], asked.json["conversation_length"]) == (200, None, 1)
    assert [message["content"] for message in (await api.get(messages)).json["data"]] == ["Hi"]


async def test_on_the_earlier_routes_words_that_were_removed_meanwhile_have_no_reply(
    api: Client, model: FakeModel
) -> None:
    model.next(Script([chunk("Half"), None, *whole("Rest")]))
    asking = asyncio.create_task(api.post("/api/chat", {"query": "Hi", "session_id": "old"}))
    await model.waiting.wait()
    await api.post("/api/chat/reset?session_id=old")
    model.go_on()

    asked = await asking

    assert (asked.status, asked.json["response"], asked.json["conversation_length"]) == (200, None, 0)


@pytest.mark.parametrize("verbs", [("read",), ("read", "get")])
async def test_on_the_earlier_routes_words_are_stored_once_though_the_store_is_busy_for_their_reply(
    api: Client, store: SessionStore, monkeypatch: pytest.MonkeyPatch, verbs: tuple[str, ...]
) -> None:
    async def busy(*_: object, **__: object) -> None:
        raise StoreThrottledError

    with monkeypatch.context() as patch:
        for verb in verbs:
            patch.setattr(store, verb, busy)
        asked = await api.post("/api/chat", {"query": "Hi", "session_id": "old"})

    assert (asked.status, asked.json["response"], asked.json["conversation_length"]) == (200, None, 1)
    assert contents(await api.get("/api/chat/sessions/old/messages")) == ["Hi"]
