"""Turns with a model that fails as others have seen models fail: the words are kept, and a repeat asks again."""

import pytest

from tests.fault_server.launch import FaultServer
from tests.http.client import Client, a_session, contents, spoken
from tests.turns.streams import streaming, text_of

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("store_name", ["sqlite"], indirect=True)]

SESSIONS = "/api/chat/sessions"
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
REFUSALS = {
    "forbidden": (422, "content_filtered"),
    "too much": (502, "model_failed"),
    "down": (502, "model_failed"),
    "cut short at once": (502, "model_failed"),
    "nothing that is known": (502, "model_failed"),
}


async def turns_of_a_session(api: Client) -> str:
    return f"{SESSIONS}/{(await a_session(api))['id']}/turns"


async def stored(api: Client, turns: str) -> list[object]:
    return contents(await api.get(turns.replace("/turns", "/messages?order=asc")))


async def test_a_reply_comes_in_pieces_and_is_stored_whole(api: Client) -> None:
    turns = await turns_of_a_session(api)

    async with streaming(api, "POST", turns, spoken("hello")) as stream:
        events = await stream.all()

    assert text_of(events) == "Hello there, friend."
    assert await stored(api, turns) == ["hello", "Hello there, friend."]


async def test_a_call_of_a_tool_is_handed_through_and_its_result_answered(api: Client, model: FaultServer) -> None:
    turns = await turns_of_a_session(api)
    asked = await api.post(turns, {**spoken("the weather in Paris?"), "tools": [WEATHER]})
    (call,) = asked.json["reply"]["function_calls"]
    result = {"role": "tool", "content": "sunny", "tool_call_id": call["id"]}
    answered = await api.post(turns, {**result, "tools": [WEATHER]})

    assert (asked.status, answered.status) == (201, 201), answered
    assert call["function"] == {"name": "get_weather", "arguments": '{"city":"Paris"}'}
    assert answered.json["reply"]["content"] == "It is sunny in Paris."
    assert [message["role"] for message in model.asked()[-1]["messages"]] == ["user", "assistant", "tool"]


async def test_a_reply_that_ran_out_of_tokens_says_so(api: Client) -> None:
    answer = await api.post(await turns_of_a_session(api), spoken("an essay"))

    assert answer.json["reply"]["content"] == "Once upon"
    assert answer.json["reply"]["metadata"]["reply"]["finish_reason"] == "length"


async def test_a_reply_that_breaks_off_is_kept_as_far_as_it_came(api: Client) -> None:
    turns = await turns_of_a_session(api)
    answer = await api.post(turns, spoken("cut off", id="m1"))
    again = await api.post(turns, spoken("cut off", id="m1"))

    assert answer.status == 201, answer
    assert "All that will ever be said of it is this.".startswith(answer.json["reply"]["content"])
    assert answer.json["reply"]["metadata"]["reply"]["finish_reason"] not in {"stop", None}
    assert (again.status, again.json["reply"]) == (200, answer.json["reply"])


@pytest.mark.parametrize("words", REFUSALS)
async def test_what_the_model_refuses_leaves_the_words_and_none_of_its_own(api: Client, words: str) -> None:
    turns = await turns_of_a_session(api)

    answer = await api.post(turns, spoken(words))

    assert answer.refusal == REFUSALS[words]
    assert b"secret detail" not in answer.body
    assert await stored(api, turns) == [words]


async def test_a_model_that_is_busy_says_for_how_long(api: Client) -> None:
    answer = await api.post(await turns_of_a_session(api), spoken("busy"))

    assert answer.refusal == (429, "model_throttled")
    assert answer.headers["retry-after"] == "17"


@pytest.mark.parametrize("fault", ["dropRate", "malformedRate", "disconnectRate"])
async def test_after_a_fault_the_same_turn_is_answered_once(api: Client, model: FaultServer, fault: str) -> None:
    turns = await turns_of_a_session(api)
    model.fail(**{fault: 1})
    failed = await api.post(turns, spoken("hello", id="m1"))
    model.fail()

    answer = await api.post(turns, spoken("hello", id="m1"))

    assert failed.refusal == (502, "model_failed")
    assert (answer.status, answer.json["reply"]["content"]) == (201, "Hello there, friend.")
    assert await stored(api, turns) == ["hello", "Hello there, friend."]
