"""Turns with a real model: what it says comes as events, and is stored as it was said, once."""

import asyncio
import signal

import pytest

from shared.store.port import SessionStore
from tests.http.client import Client, a_session, contents, spoken
from tests.http.conftest import Serve
from tests.model.conftest import CONTEXT_TOKENS, settings_of
from tests.model.launch import ModelServer, missing_reason, running_model
from tests.turns.streams import streaming, text_of

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("store_name", ["sqlite"], indirect=True)]

SESSIONS = "/api/chat/sessions"
QUESTION = spoken("What is the capital of France?", id="m1")
SOMETHING_LONG = spoken("Tell me a long story about a cat.", id="m1")


async def turns_of_a_session(api: Client) -> str:
    return f"{SESSIONS}/{(await a_session(api))['id']}/turns"


async def stored(api: Client, turns: str) -> list[object]:
    return contents(await api.get(turns.replace("/turns", "/messages?order=asc")))


async def test_a_turn_streams_what_is_stored_in_the_end_and_counts_what_it_took(api: Client) -> None:
    turns = await turns_of_a_session(api)

    async with streaming(api, "POST", turns, QUESTION) as stream:
        events = await stream.all()

    done = events[-1].data
    assert [event.name for event in (events[0], events[-1])] == ["turn", "done"]
    assert text_of(events) == done["reply"]["content"] != ""
    assert await stored(api, turns) == ["What is the capital of France?", text_of(events)]
    assert done["reply"]["metadata"]["reply"]["model"] == "smollm2"
    assert done["usage"]["input_tokens"] > 10
    assert 0 < done["usage"]["output_tokens"] <= 16


async def test_a_repeat_is_the_same_reply_although_the_model_would_say_another(api: Client) -> None:
    turns = await turns_of_a_session(api)
    first = await api.post(turns, QUESTION)
    again = await api.post(turns, QUESTION)

    assert (first.status, again.status) == (201, 200)
    assert again.json == first.json


async def test_the_model_is_told_what_was_said_before(api: Client) -> None:
    turns = await turns_of_a_session(api)
    first = (await api.post(turns, spoken("Hi", id="m1"))).json["usage"]
    second = (await api.post(turns, spoken("And?", id="m2"))).json

    assert second["usage"]["input_tokens"] > first["input_tokens"] + first["output_tokens"]
    assert second["reply"]["metadata"]["reply"]["history"] == {"messages": 3, "left_out": 0}


async def test_a_history_that_is_longer_than_the_model_can_read_is_answered(
    serve: Serve, store: SessionStore, model: ModelServer
) -> None:
    async with serve(store, model=settings_of(model, context_tokens=100_000)) as api:
        turns = await turns_of_a_session(api)
        talk = [
            {"role": role, "content": "one two three four " * 6} for _ in range(8) for role in ("user", "assistant")
        ]
        assert (await api.post(turns.replace("/turns", "/messages"), {"messages": talk})).status == 201
        answer = await api.post(turns, QUESTION)

    assert answer.status == 201, answer
    assert answer.json["reply"]["metadata"]["reply"]["history"]["left_out"] > 0


async def test_a_client_that_leaves_finds_the_whole_reply(api: Client) -> None:
    turns = await turns_of_a_session(api)
    async with streaming(api, "POST", turns, SOMETHING_LONG) as stream:
        said = text_of([event for _ in range(3) if (event := await stream.next())])

    async with asyncio.timeout(60):
        while (await api.get(f"{turns}/m1")).json["state"] != "done":
            await asyncio.sleep(0.1)
    reply = (await api.get(f"{turns}/m1")).json["reply"]
    assert reply["content"].startswith(said)
    assert reply["metadata"]["reply"]["finish_reason"] in {"stop", "length"}


async def test_a_turn_that_is_stopped_keeps_what_was_said(
    serve: Serve, store: SessionStore, model: ModelServer
) -> None:
    async with serve(store, model=settings_of(model, max_tokens=200)) as api:
        turns = await turns_of_a_session(api)
        async with streaming(api, "POST", turns, SOMETHING_LONG) as stream:
            said = text_of([event for _ in range(3) if (event := await stream.next())])
            stopped = await api.delete(f"{turns}/m1")
            last = (await stream.all())[-1]

    assert (stopped.status, last.name) == (204, "done")
    assert last.data["reply"]["content"].startswith(said)
    assert last.data["reply"]["metadata"]["reply"]["finish_reason"] == "stopped"


async def test_a_model_that_dies_half_way_leaves_half_a_reply_and_no_turn_that_hangs(
    serve: Serve, store: SessionStore
) -> None:
    if reason := missing_reason():
        pytest.skip(reason)
    with running_model(CONTEXT_TOKENS) as mortal:
        async with serve(store, model=settings_of(mortal, max_tokens=200)) as api:
            turns = await turns_of_a_session(api)
            async with streaming(api, "POST", turns, SOMETHING_LONG) as stream:
                said = text_of([event for _ in range(3) if (event := await stream.next())])
                mortal.process.send_signal(signal.SIGKILL)
                last = (await stream.all())[-1]
            again = await api.post(turns, SOMETHING_LONG)

    assert last.name == "done"
    assert last.data["reply"]["content"].startswith(said)
    assert (again.status, again.json["reply"]) == (200, last.data["reply"])
