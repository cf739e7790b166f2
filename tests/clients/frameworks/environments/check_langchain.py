"""parley_client.langchain with the real packages."""

import asyncio
import logging

import pytest
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.runnables.history import RunnableWithMessageHistory
from parley_client import AsyncParley, Parley, ParleyError
from parley_client.langchain import ParleyChatMessageHistory
from transports import AsyncCounting, Counting

IMAGE = "data:image/png;base64," + "iVBORw0K" * 50_000
TURN: list[BaseMessage] = [
    SystemMessage("Be brief."),
    HumanMessage(
        [
            "a bare string",
            {"type": "text", "text": "What is it like in Rome, and what time is it?"},
            {"type": "image_url", "image_url": {"url": IMAGE}},
            {"no": "type"},
        ],
        id="",
        additional_kwargs={"large": "x" * 70_000},
    ),
    AIMessage(
        [
            {"type": "reasoning", "reasoning": "I had better look it up.", "extras": {"signature": "z" * 300}},
            {"type": "text", "text": "Let me look."},
        ],
        id="lc_run--1-0",
        tool_calls=[
            {"name": "weather", "args": {"city": "Rome", "n": 2**63, "f": 1.0, "z": -0.0, "10": 1, "2": 2}, "id": "c1"},
            {"name": "clock", "args": {"half an emoji": "\ud83d"}, "id": "c2"},
        ],
        invalid_tool_calls=[{"name": "n", "args": "{", "id": "c9", "error": "no JSON"}],
        usage_metadata={
            "input_tokens": 3,
            "output_tokens": 4,
            "total_tokens": 7,
            "input_token_details": {"cache_read": 1},
        },
        response_metadata={"logprobs": [1.0] * 10},
    ),
    ToolMessage("sun", tool_call_id="c1", artifact={"rows": [1, 2, {"k": None}]}, status="error"),
    ToolMessage([{"type": "text", "text": "noon"}], tool_call_id="c2", name="clock"),
    AIMessage("Sunny and noon.", usage_metadata={"input_tokens": 30, "output_tokens": 4, "total_tokens": 34}),
    ChatMessage("of a kind of its own", role="developer"),
]
NAME = "user:42/x ü 💥 " + "y" * 80


def dumps(messages: list[BaseMessage]) -> list[dict[str, object]]:
    return [message.model_dump() for message in messages]


def check_a_real_turn_comes_back_equal_and_in_one_request(user: str) -> None:
    counting = Counting()
    history = ParleyChatMessageHistory(NAME, client=Parley(user=user, transport=lambda: counting))
    history.add_messages([HumanMessage("yes")])
    counting.counts.taken()

    history.add_messages([HumanMessage("yes"), HumanMessage("yes"), *TURN])

    assert counting.counts.taken().requests == 1
    assert dumps(history.messages) == dumps([HumanMessage("yes")] * 3 + TURN)
    history.clear()
    assert history.messages == []


def check_the_asynchronous_methods_do_so_in_one_loop_after_another(user: str) -> None:
    async def turn() -> list[BaseMessage]:
        counting = AsyncCounting()
        client = AsyncParley(user=user, transport=lambda: counting)
        history = ParleyChatMessageHistory(NAME, async_client=client)
        await history.aadd_messages(TURN)
        found = await history.aget_messages()
        assert counting.counts.requests >= 2
        return found

    first, second = asyncio.run(turn()), asyncio.run(turn())

    assert dumps(first) == dumps(TURN)
    assert dumps(second) == dumps(TURN * 2)
    asyncio.run(ParleyChatMessageHistory(NAME, user=user).aclear())
    assert ParleyChatMessageHistory(NAME, user=user).messages == []


def check_a_model_and_a_search_get_what_people_read(user: str) -> None:
    history = ParleyChatMessageHistory("c", user=user)
    history.add_messages(TURN)
    parley = Parley(user=user)

    prompt = parley.prompt(history.session_id)
    assert [message["role"] for message in prompt["messages"]][:6] == [
        "system",
        "user",
        "assistant",
        "tool",
        "tool",
        "assistant",
    ]
    assert [call["id"] for call in prompt["messages"][2]["tool_calls"]] == ["c1", "c2"]
    assert len(list(parley.search("what time is it"))) == 1
    assert list(parley.search("iVBORw0K")) == []


def check_what_others_wrote_is_read_by_what_it_says(user: str) -> None:
    parley = Parley(user=user)
    call = {"role": "tool", "content": "7", "tool_call_id": "c1"}
    parley.append_anywhere({"role": "user", "content": "hello"}, call, session_id="c")

    found = ParleyChatMessageHistory("c", user=user).messages

    assert [(message.type, message.content) for message in found] == [("human", "hello"), ("tool", "7")]


def check_a_refusal_is_raised_and_stores_nothing(user: str) -> None:
    history = ParleyChatMessageHistory("c", user=user)

    with pytest.raises(ParleyError):
        history.add_messages([HumanMessage("short"), HumanMessage("x" * 1_100_000)])
    with pytest.raises(TypeError):
        history.add_messages([ToolMessage("sun", tool_call_id="c1", artifact=b"\x89")])
    with pytest.raises(ParleyError):
        _ = ParleyChatMessageHistory("c", client=Parley()).messages

    assert history.messages == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def check_a_runnable_keeps_its_history_and_hides_errors_of_any_store(
    user: str, caplog: pytest.LogCaptureFixture
) -> None:
    model = RunnableLambda(lambda asked: AIMessage(f"Answer after {len(asked)}"))
    own = RunnableWithMessageHistory(model, lambda session_id: ParleyChatMessageHistory(session_id, user=user))
    memory = InMemoryChatMessageHistory()
    other = RunnableWithMessageHistory(model, lambda _: memory)

    for runnable in (own, other):
        for _ in range(2):
            runnable.invoke([HumanMessage("hi")], {"configurable": {"session_id": NAME}})

    assert dumps(ParleyChatMessageHistory(NAME, user=user).messages) == dumps(memory.messages)
    with caplog.at_level(logging.WARNING):
        own.invoke([HumanMessage("x" * 1_100_000)], {"configurable": {"session_id": NAME}})
    assert "1100000 bytes" in caplog.text
