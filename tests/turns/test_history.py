"""What a prompt holds of a session: the newest whole turns that fit, read in as many steps as it takes."""

from typing import Any

import pytest

from shared.turns import generation
from tests.http.client import Client, a_session, spoken
from tests.turns.model_server import FakeModel, Script, whole

pytestmark = pytest.mark.on_both_stores

COUNTS_NOTHING = Script(whole("Fine.")[:-1])  # so that sizes stay guessed


def call(number: int) -> dict[str, Any]:
    """Return a reply that calls a tool."""
    told = {"id": f"c{number}", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    return {"role": "assistant", "content": "", "function_calls": [told]}


def answer_to(number: int, **fields: Any) -> dict[str, Any]:
    """Return a tool's answer."""
    return {"role": "tool", "content": f"result {number}", "tool_call_id": f"c{number}", **fields}


async def a_chat_with(api: Client, messages: list[dict[str, Any]]) -> str:
    """Return the path of a session that has these messages."""
    path = f"/api/chat/sessions/{(await a_session(api))['id']}"
    for begin in range(0, len(messages), 100):
        assert (await api.post(f"{path}/messages", {"messages": messages[begin : begin + 100]})).status == 201
    return path


async def turn(api: Client, path: str, model: FakeModel, **said: Any) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Take a turn; return what the model was sent, and what is told of it."""
    model.next(COUNTS_NOTHING)
    answer = await api.post(f"{path}/turns", said or spoken("And now?"))
    assert answer.status == 201, answer
    return model.asked[-1]["messages"], answer.json["reply"]["metadata"]["reply"]["history"]


@pytest.mark.parametrize("turns", [10, 45, 180])
async def test_a_chat_of_short_messages_is_sent_whole(api: Client, model: FakeModel, turns: int) -> None:
    said = [spoken("Tell me more."), {"role": "assistant", "content": "There is more."}]
    path = await a_chat_with(api, said * turns)

    sent, told = await turn(api, path, model)

    assert len(sent) == 2 * turns + 1
    assert told == {"messages": 2 * turns + 1, "left_out": 0}


async def test_a_longer_chat_begins_with_a_turn_and_what_is_left_out_is_told(api: Client, model: FakeModel) -> None:
    said = [spoken("Tell me more."), {"role": "assistant", "content": "x" * 400}]
    path = await a_chat_with(api, said * 90)

    sent, told = await turn(api, path, model)

    assert sent[0]["role"] == "user"
    assert 60 < len(sent) < 181
    assert told == {"messages": len(sent), "left_out": 181 - len(sent)}


@pytest.mark.parametrize("steps", [30, 110, 300])
async def test_an_agent_of_many_steps_keeps_its_task(api: Client, model: FakeModel, steps: int) -> None:
    told_by_tools = [each for number in range(steps) for each in (call(number), answer_to(number))]
    path = await a_chat_with(
        api, [spoken("Hello"), {"role": "assistant", "content": "Hi"}, spoken("The task"), *told_by_tools[:-1]]
    )

    sent, told = await turn(api, path, model, **answer_to(steps - 1))

    begin = next(place for place, message in enumerate(sent) if message["content"] == "The task")
    assert [message["role"] for message in sent[begin:]] == ["user", *["assistant", "tool"] * steps]
    assert told["messages"] + told["left_out"] == 3 + 2 * steps


async def test_what_no_model_is_sent_takes_no_room(api: Client, model: FakeModel) -> None:
    said = [spoken("Tell me more.", raw="x" * 2000), {"role": "assistant", "content": "There is more."}]
    path = await a_chat_with(api, said * 60)

    _, told = await turn(api, path, model)

    assert told == {"messages": 121, "left_out": 0}


async def test_of_a_turn_longer_than_what_is_read_its_newest_part_is_sent(
    api: Client, model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "MOST_MESSAGES", 48)
    steps = [each for number in range(40) for each in (call(number), answer_to(number))]
    path = await a_chat_with(api, [spoken("The task"), *steps[:-1]])

    sent, told = await turn(api, path, model, **answer_to(39))

    assert [message["role"] for message in sent] == ["assistant", "tool"] * 24
    assert told == {"messages": 48, "left_out": 33}


async def test_results_of_tools_that_a_user_message_brings_stay_with_their_calls(api: Client, model: FakeModel) -> None:
    path = await a_chat_with(api, [spoken("The task"), call(0)])
    result = {"type": "tool_result", "tool_use_id": "c0", "content": "sun"}

    sent, told = await turn(api, path, model, role="user", content=[result])

    assert [message["role"] for message in sent] == ["user", "assistant", "tool"]
    assert told == {"messages": 3, "left_out": 0}


async def test_what_others_say_since_does_not_push_the_question_out(api: Client, model: FakeModel) -> None:
    path = await a_chat_with(api, [])
    _, _ = await turn(api, path, model, **spoken("The question", id="m1"))
    model.usual = COUNTS_NOTHING
    reply = (await api.get(f"{path}/turns/m1")).json["reply"]
    await api.send("PUT", f"{path}/messages?after=1", {"messages": [spoken("x" * 40_000)]})
    await api.post(f"{path}/messages", {"role": "assistant", "content": "Fine.", "id": reply["id"]})

    answer = await api.post(f"{path}/turns/m1/regenerate", {})

    assert (answer.status, model.asked[-1]["messages"][-1]["content"]) == (200, "The question")


async def test_of_what_is_said_at_once_any_part_is_enough_to_answer(api: Client, model: FakeModel) -> None:
    path = await a_chat_with(api, [])
    unknown = {"role": "user", "content": [{"type": "video", "video": "x"}], "id": "m2"}

    said = await api.post(f"{path}/turns", {"messages": [spoken("Look:", id="m1"), unknown]})
    anew = await api.post(f"{path}/turns/m2/regenerate", {})

    assert (said.status, anew.status) == (201, 200)
