"""Calls of tools: handed through, stored as the reply, answered with the next turn."""

from typing import Any

import pytest

from tests.http.client import Client, spoken
from tests.turns.model_server import FakeModel, Script, calling, chunk
from tests.turns.streams import streaming
from tests.turns.talking import HELLO, ask, said

TOOLS = [{"type": "function", "function": {"name": "trains", "parameters": {"type": "object"}}}]


@pytest.fixture
def model_settings() -> dict[str, Any]:
    return {"caller_may_set": frozenset({"tools"})}


@pytest.mark.on_both_stores
async def test_calls_of_tools_are_handed_through_and_their_results_are_the_next_turn(
    api: Client, chat: str, model: FakeModel
) -> None:
    model.next(Script(calling('{"to": ', '"Lisbon"}')))
    call = {"id": "call_1", "type": "function", "function": {"name": "trains", "arguments": '{"to": "Lisbon"}'}}

    body = {**spoken("When?", id="m1"), "tools": TOOLS, "tool_choice": "auto"}
    async with streaming(api, "POST", f"{chat}/turns", body) as stream:
        events = await stream.all()
    result = {"role": "tool", "content": "05:40", "tool_call_id": "call_1"}
    answer = await api.post(f"{chat}/turns", {"messages": [result], "tools": TOOLS})

    assert [(event.name, event.data) for event in events[1:-1]] == [("tool_calls", {"function_calls": [call]})]
    assert events[-1].data["reply"]["function_calls"] == [call]
    assert (model.asked[0]["tools"], model.asked[0]["tool_choice"]) == (TOOLS, "auto")
    assert answer.json["reply"]["content"] == HELLO
    sent = model.asked[1]["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool"]
    assert (sent[1]["tool_calls"], sent[1]["content"], sent[2]["tool_call_id"]) == ([call], "", "call_1")


CUT_OFF: dict[str, list[Any]] = {"without a word": [], "with an error": [{"error": {"code": "overloaded"}}]}


@pytest.mark.parametrize("end", CUT_OFF)
async def test_a_call_that_was_cut_off_is_no_reply(api: Client, chat: str, model: FakeModel, end: str) -> None:
    model.next(Script([*calling('{"to": ')[:2], *CUT_OFF[end]]))

    failed = await ask(api, chat, tools=TOOLS)

    assert failed.refusal == (502, "model_failed")
    assert await said(api, chat) == ["Hi"]
    assert (await ask(api, chat, tools=TOOLS)).json["reply"]["content"] == HELLO


@pytest.mark.parametrize("end", CUT_OFF)
async def test_of_a_text_and_a_call_that_was_cut_off_the_text_is_the_reply(
    api: Client, chat: str, model: FakeModel, end: str
) -> None:
    model.next(Script([chunk("I shall look. "), *calling('{"to": ')[:2], *CUT_OFF[end]]))

    answer = await ask(api, chat, tools=TOOLS)
    await ask(api, chat, "And?", "m2")

    reply = answer.json["reply"]
    assert (answer.status, reply["content"], reply["function_calls"]) == (201, "I shall look. ", [])
    assert reply["metadata"]["reply"]["finish_reason"] == "model_failed"
    assert ["tool_calls" in message for message in model.asked[-1]["messages"]] == [False] * 3
