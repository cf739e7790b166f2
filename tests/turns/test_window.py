"""What of a history a model is sent: whole turns, newest first, as many as fit."""

from typing import Any

import pytest

from shared.models import Message
from shared.turns.window import TokenRate, prompt, window
from tests.builders import a_message
from tests.http.client import Client, spoken
from tests.turns.model_server import FakeModel, Script, whole

CALL = {"id": "c1", "type": "function", "function": {"name": "trains", "arguments": "{}"}}


def history(*roles: str, text: str = "x" * 100) -> list[Message]:
    """Return messages of these roles, in order; a tool's answers the call before it."""
    extra: dict[str, dict[str, Any]] = {"calls": {"function_calls": [CALL]}, "tool": {"tool_call_id": "c1"}}
    return [
        a_message(text, role="assistant" if role == "calls" else role, **extra.get(role, {})).placed(seq, "ann")
        for seq, role in enumerate(roles, 1)
    ]


def roles(messages: list[Message], size: int) -> list[str]:
    return [message["role"] for message in window(messages, size).messages]


TURN = ("user", "assistant")


def test_the_newest_whole_turns_that_fit_are_sent() -> None:
    messages = history(*TURN * 5, "user")
    newest, turn = window(messages[-1:], 0).size, window(messages[:2], 0).size

    assert roles(messages, newest + 2 * turn) == [*TURN * 2, "user"]
    assert roles(messages, newest + 2 * turn - 1) == [*TURN, "user"]


def test_the_newest_turn_is_sent_however_large_it_is() -> None:
    messages = history(*TURN, "user")

    assert window(messages, 1) == window(messages[-1:], 10_000)


def test_of_what_a_user_said_in_a_row_the_oldest_is_left_out_first() -> None:
    messages = history(*["user"] * 12)

    found = window(messages, 3 * window(messages[-1:], 0).size)

    assert found.sent == 3
    assert found == window(messages[-3:], 10_000)


@pytest.mark.parametrize("middle", ["x", "ä", '"', "\n", "語"])
def test_a_turn_that_is_too_long_by_itself_loses_the_middle_of_its_longest_text(middle: str) -> None:
    question, call, answer = history("user", "calls", "tool", text="What is it?")
    long = answer.model_copy(update={"content": f"First {middle * 3000} last"})

    found = window([question, call, long], 1000, may_cut=True)

    assert [message["content"] for message in found.messages[:2]] == ["What is it?", "What is it?"]
    text = str(found.messages[2]["content"])
    assert (text[:6], text[-5:], "[…]" in text) == ("First ", " last", True)
    assert (found.sent, found.cut) == (3, 1)
    assert 100 < found.size <= 1000


def test_calls_of_tools_stay_with_their_answers_and_their_question() -> None:
    messages = history(*TURN, "user", "calls", "tool")

    for size in range(0, 2000, 50):
        assert roles(messages, size) in ([*TURN, "user", "assistant", "tool"], ["user", "assistant", "tool"])


def test_a_call_without_its_answer_is_not_sent() -> None:
    assert roles(history("user", "calls", "user"), 5000) == ["user", "assistant", "user"]
    assert "tool_calls" not in window(history("user", "calls", "user"), 5000).messages[1]


def test_a_reply_that_says_nothing_is_left_out() -> None:
    messages = history("user", "assistant", "user", text="")

    assert roles(messages, 5000) == ["user", "user"]


def test_a_developer_is_the_system_for_a_model() -> None:
    found = window(history("developer", "user"), 5000)

    assert [message["role"] for message in prompt("Be kind.", found)] == ["system", "system", "user"]


def test_a_rate_rises_at_once_and_falls_slowly() -> None:
    rate = TokenRate()

    rate.learn(100, 60)
    assert rate.tokens_per_byte == 0.6
    rate.learn(100, 20)
    assert rate.tokens_per_byte == pytest.approx(0.52)
    rate.learn(0, 50)
    rate.learn(100, 0)
    assert rate.tokens_per_byte == pytest.approx(0.52)


def _with_a_limit(model: FakeModel, most: int, error: dict[str, Any]) -> None:
    def judge(asked: dict[str, Any]) -> Script | None:
        size = sum(len(str(message["content"])) for message in asked["messages"])
        return Script(status=400, body={"error": error}) if size > most else None

    model.judge = judge


@pytest.mark.parametrize(
    "error",
    [
        {"code": "context_length_exceeded", "message": "x"},
        {"type": "exceed_context_size_error", "code": 400, "n_prompt_tokens": 9999, "n_ctx": 1024},
        {"message": "This model's maximum context length is 4096 tokens."},
        {"message": "prompt is too long: 9999 tokens > 4096 maximum"},
    ],
)
async def test_a_history_that_is_too_long_for_the_model_is_never_the_callers_mistake(
    api: Client, model: FakeModel, error: dict[str, Any]
) -> None:
    _with_a_limit(model, 2000, error)
    for _ in range(12):
        said = [spoken("x" * 400), {"role": "assistant", "content": "y" * 400}]
        await api.post("/api/chat/messages", {"session_id": "long", "messages": said})

    answer = await api.post("/api/chat/turns", {"session_id": "long", **spoken("x")})

    told = answer.json["reply"]["metadata"]["reply"]["history"]
    assert answer.status == 201
    assert 1 <= told["messages"] <= 5
    assert told["messages"] + told["left_out"] == 25


async def test_twelve_long_messages_in_a_row_are_answered_from_the_newest(api: Client, model: FakeModel) -> None:
    _with_a_limit(model, 30_000, {"code": "context_length_exceeded"})
    for number in range(12):
        await api.post("/api/chat/messages", {"session_id": "long", **spoken(f"{number} " + "x" * 8000)})

    answer = await api.post("/api/chat/turns", {"session_id": "long", **spoken("Well?")})

    told = answer.json["reply"]["metadata"]["reply"]["history"]
    assert answer.status == 201
    assert [str(message["content"])[:5] for message in model.asked[-1]["messages"]][-2:] == ["11 xx", "Well?"]
    assert (told["messages"], told["left_out"]) == (len(model.asked[-1]["messages"]), 13 - told["messages"])


async def test_a_question_that_is_too_long_by_itself_is_asked_without_its_middle(api: Client, model: FakeModel) -> None:
    _with_a_limit(model, 10_000, {"code": "context_length_exceeded"})

    answer = await api.post("/api/chat/turns", spoken(f"Tell me: {'x' * 100_000} What is it?"))

    (asked,) = model.asked[-1]["messages"]
    assert answer.status == 201
    assert (asked["content"][:8], asked["content"][-11:]) == ("Tell me:", "What is it?")
    assert len(asked["content"]) > 5000
    assert answer.json["reply"]["metadata"]["reply"]["history"] == {"messages": 1, "left_out": 1}
    assert answer.json["messages"][0]["content"].count("x") == 100_000


async def test_a_model_that_finds_everything_too_long_has_failed(api: Client, model: FakeModel) -> None:
    _with_a_limit(model, 0, {"code": "context_length_exceeded"})

    answer = await api.post("/api/chat/turns", spoken("x" * 101))

    assert answer.refusal == (502, "model_failed")
    assert len(model.asked) == 4


async def test_the_rate_is_learnt_from_what_the_model_counts(api: Client, model: FakeModel) -> None:
    def a_token_a_byte(asked: dict[str, Any]) -> Script:
        usage = {"prompt_tokens": size_of(asked), "completion_tokens": 1}
        return Script([*whole("x" * 10)[:-1], {"choices": [], "usage": usage}])

    model.judge = a_token_a_byte
    for _ in range(20):
        await api.post("/api/chat/turns", {"session_id": "s", **spoken("x" * 1000)})

    assert max(map(size_of, model.asked)) < 8192 - 1024
    assert size_of(model.asked[-1]) > 5000


def size_of(asked: dict[str, Any]) -> int:
    return sum(len(message["content"]) for message in asked["messages"])
