"""How long a model is waited for: to connect, to begin, to go on, and to end."""

import asyncio
import socket
import sys
from dataclasses import replace

import pytest

from shared.store.port import SessionStore
from shared.turns import model as client
from tests.http.client import Client, spoken
from tests.http.conftest import Serve
from tests.turns.model_server import FakeModel, Script, chunk, whole
from tests.turns.talking import HELLO, SESSIONS, SOON, ask, said


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue of connections is another thing")
async def test_a_model_that_takes_no_connection_is_not_waited_for(
    serve: Serve, store: SessionStore, model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "CONNECT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, socket.socket() as first:
        first.connect(listener.getsockname())  # nobody accepts it, and there is room for no other
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        async with serve(store, model=replace(model.settings, endpoint=endpoint)) as api, asyncio.timeout(SOON):
            answer = await api.post("/api/chat/turns", spoken("Hi", session_id="s"))
            stored = await said(api, f"{SESSIONS}/s")

    assert answer.refusal == (504, "model_timeout")
    assert stored == ["Hi"]


async def test_a_model_that_refuses_connections_for_a_moment_is_asked_again(
    serve: Serve, store: SessionStore, model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))  # nobody listens yet, so that it refuses
        opening: list[asyncio.Task[None]] = []

        def pause(tried: int) -> float:
            if tried == 2:
                opening.append(asyncio.create_task(model.listen(listener.dup())))
            return 0.05

        monkeypatch.setattr(client, "_pause", pause)
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        async with serve(store, model=replace(model.settings, endpoint=endpoint)) as api:
            answer = await api.post("/api/chat/turns", spoken("Hi"))

    assert (answer.status, len(opening), len(model.asked)) == (201, 1, 1)


async def test_a_model_that_is_slow_but_never_silent_for_long_is_heard_to_its_end(
    api: Client, chat: str, model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "FIRST_EVENT_SECONDS", 0.5)
    monkeypatch.setattr(client, "BETWEEN_EVENTS_SECONDS", 0.5)
    model.next(Script([*[0.1, chunk("x")] * 8, *whole("!")]))

    answer = await ask(api, chat)

    assert (answer.status, answer.json["reply"]["content"]) == (201, "xxxxxxxx!")
    told = answer.json["reply"]["metadata"]["reply"]
    assert told["finish_reason"] == "stop"
    assert told["milliseconds"] > 500, "longer than any one silence may be"


@pytest.mark.parametrize("model_settings", [{"timeout_seconds": 1}], indirect=True)
@pytest.mark.parametrize("text", ["x", ""])
async def test_a_reply_that_takes_longer_than_a_turn_may_is_what_came_until_then(
    api: Client, chat: str, model: FakeModel, text: str
) -> None:
    model.next(Script([*[chunk(text), 0.1] * 100, *whole("!")]))

    answer = await ask(api, chat)
    again = await ask(api, chat)

    if text:
        reply = answer.json["reply"]
        assert (answer.status, set(reply["content"])) == (201, {"x"})
        assert (reply["metadata"]["reply"]["finish_reason"], again.json["reply"]) == ("model_timeout", reply)
    else:
        assert answer.refusal == (504, "model_timeout")
        assert again.json["reply"]["content"] == HELLO
    assert model.left == 1
