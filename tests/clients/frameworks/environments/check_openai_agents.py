"""ParleySession with the SDK itself: real turns through Runner, and what is asked of any session."""

import asyncio
import base64
import json
import os
from typing import Any

import pytest
from agents import Agent, Runner, SessionSettings, SQLiteSession, function_tool
from agents.memory import Session
from agents.testing import ScriptedModel
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseReasoningItem,
)
from openai.types.responses.response_reasoning_item import Summary
from parley_client import Parley, ParleyError
from parley_client.openai_agents import ParleySession

PICTURE = "data:image/png;base64," + base64.b64encode(os.urandom(300_000)).decode()
LOOK = {
    "role": "user",
    "content": [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": PICTURE, "detail": "auto"},
    ],
}


@function_tool
def weather(city: str) -> str:
    """Say what the weather is."""
    return f"It rains in {city}."


def call(name: str, call_id: str, **arguments: Any) -> ResponseFunctionToolCall:
    return ResponseFunctionToolCall(
        type="function_call", call_id=call_id, name=name, arguments=json.dumps(arguments), id="fc_1"
    )


def answer(text: str) -> ResponseOutputMessage:
    part = ResponseOutputText(text=text, type="output_text", annotations=[], logprobs=[])
    return ResponseOutputMessage(id="msg_1", type="message", role="assistant", content=[part], status="completed")


def a_turn() -> list[Any]:
    """Return what the model says in a turn: reasoning, two calls, and an answer."""
    thought = ResponseReasoningItem(
        id="rs_1",
        type="reasoning",
        summary=[Summary(text="Ask the service", type="summary_text")],
        encrypted_content="x",
    )
    calls = [call("weather", "c1", city="Rome"), call("weather", "c2", city="Oslo")]
    return [[thought, *calls], [answer("It rains in both.")]]


def items(*texts: str) -> list[Any]:
    return [{"role": "user", "content": text} for text in texts]


def said(found: list[Any]) -> list[str]:
    return [item["content"] for item in found]


@pytest.mark.parametrize("first", ["Hello", [LOOK]], ids=["text", "picture"])
async def check_a_turn_with_tools_and_reasoning_is_stored_as_the_sdk_stores_it(user: str, first: Any) -> None:
    ours, theirs = ParleySession("user:42/a", user=user), SQLiteSession("s")
    for session in (ours, theirs):
        model = ScriptedModel(a_turn())
        agent = Agent(name="a", model=model, tools=[weather])
        await Runner.run(agent, first, session=session)

    assert json.dumps(await ours.get_items()) == json.dumps(await theirs.get_items())
    assert len(await ours.get_items()) == 7
    parley = Parley(user=user)
    name = next(iter(parley.sessions()))["id"]
    prompt = parley.prompt(name)["messages"]
    assert [message["role"] for message in prompt] == ["user", "assistant", "tool", "tool", "assistant"]
    assert len(prompt[1]["tool_calls"]) == 2
    assert [hit["message"]["seq"] for hit in parley.search("Ask the service")] == [2]


def check_run_sync_works_in_one_loop_after_another(user: str) -> None:
    session = ParleySession("s", user=user)
    model = ScriptedModel([[answer(str(number))] for number in range(3)])

    for number in range(3):
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        assert Runner.run_sync(Agent(name="a", model=model), "go on", session=session).final_output == str(number)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    assert len(asyncio.run(session.get_items())) == 6


async def check_the_latest_come_in_their_order_and_a_limit_of_none_is_the_settings(user: str) -> None:
    session = ParleySession("s", user=user, session_settings=SessionSettings(limit=2))
    await session.add_items(items("a", "b", "c"))

    assert said(await session.get_items()) == ["b", "c"]
    assert said(await session.get_items(limit=1)) == ["c"]
    assert await session.get_items(limit=0) == []
    assert said(await session.get_items(limit=-1)) == ["a", "b", "c"]
    assert isinstance(session, Session)


async def check_pop_and_clear(user: str) -> None:
    session = ParleySession("s", user=user)
    assert await session.pop_item() is None
    await session.add_items(items("a", "b", "c"))

    assert await session.pop_item() == items("c")[0]
    popped = await asyncio.gather(*(session.pop_item() for _ in range(3)))
    assert sorted(item["content"] for item in popped if item) == ["a", "b"]
    await session.add_items(items("d"))
    await session.clear_session()
    assert await session.get_items() == []


async def check_thirty_items_of_two_writers_stay_together(user: str) -> None:
    async def save(writer: str) -> None:
        await ParleySession("s", user=user).add_items(items(*(f"{writer}{number}" for number in range(30))))

    await asyncio.gather(save("a"), save("b"))

    found = said(await ParleySession("s", user=user).get_items())
    assert len(found) == 60
    assert [text[0] for text in found] in (["a"] * 30 + ["b"] * 30, ["b"] * 30 + ["a"] * 30)


async def check_a_save_that_fails_changes_nothing_and_raises(user: str) -> None:
    session = ParleySession("s", user=user)
    await session.add_items(items("a"))

    with pytest.raises(ParleyError) as refused:
        await session.add_items(items("b", "x" * 2_000_000))

    assert refused.value.status == 413
    assert said(await session.get_items()) == ["a"]


async def check_messages_of_other_clients_are_items(user: str) -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    Parley(user=user).append_anywhere(
        {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
        {"role": "assistant", "content": "Let me see.", "function_calls": calls},
        {"role": "tool", "content": "1", "tool_call_id": "c1"},
        session_id="s",
    )
    session = ParleySession("s", user=user)

    found = await session.get_items()

    assert [item.get("type") or item["role"] for item in found] == [
        "user",
        "assistant",
        "function_call",
        "function_call_output",
    ]
    model = ScriptedModel([[answer("fine")]])
    assert (await Runner.run(Agent(name="a", model=model), "and?", session=session)).final_output == "fine"
