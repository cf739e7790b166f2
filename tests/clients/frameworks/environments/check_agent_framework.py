"""ParleyHistoryProvider with the framework itself: real runs of an agent, and messages of every kind."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from agent_framework import Agent, AgentSession, BaseChatClient, ChatResponse, Content, FunctionInvocationLayer, Message
from parley_client import Parley, ParleyError
from parley_client.agent_framework import ParleyHistoryProvider


class Scripted(FunctionInvocationLayer, BaseChatClient):
    """A model that says what it is told to, and notes what it was sent."""

    def __init__(self, *replies: Message) -> None:
        super().__init__()
        self.replies = list(replies)
        self.sent: list[list[str]] = []

    async def _inner_get_response(  # type: ignore[override]
        self,
        *,
        messages: Sequence[Message],
        **_: Any,
    ) -> ChatResponse:
        self.sent.append([message.text for message in messages])
        return ChatResponse(messages=[self.replies.pop(0)])


def weather(city: str) -> str:
    """Say what the weather is."""
    return f"It rains in {city}."


def said(*texts: str) -> list[Message]:
    return [Message("user", [text]) for text in texts]


def written(messages: Sequence[Message]) -> list[str]:
    return [json.dumps(message.to_dict()) for message in messages]


async def check_a_run_with_tools_is_remembered_by_the_next(user: str) -> None:
    calls = [Content.from_function_call(f"c{city}", "weather", arguments={"city": city}) for city in ("Rome", "Oslo")]
    thought = Content.from_text_reasoning(text="Ask the service", protected_data="x")
    model = Scripted(
        Message("assistant", [thought, *calls]),
        Message("assistant", ["It rains in both."]),
        Message("assistant", ["You are welcome."]),
    )
    provider = ParleyHistoryProvider(user=user)
    agent = Agent(model, tools=[weather], context_providers=[provider])

    await agent.run("And the weather?", session=AgentSession(session_id="user:42/a"))
    await agent.run("Thank you.", session=AgentSession(session_id="user:42/a"))

    assert model.sent[2] == ["And the weather?", *model.sent[1][1:], "It rains in both.", "Thank you."]
    parley = Parley(user=user)
    name = next(iter(parley.sessions()))["id"]
    prompt = parley.prompt(name)["messages"]
    assert [message["role"] for message in prompt] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "assistant",
        "user",
        "assistant",
    ]
    assert [hit["message"]["seq"] for hit in parley.search("Ask the service")] == [2]


async def check_every_kind_of_content_comes_back_equal(user: str) -> None:
    messages = [
        Message(
            "assistant",
            [
                "hi",
                Content.from_function_call("c1", "f", arguments={"a": 1.0, "b": 2**60, "10": 1, "9": -0.0}),
                Content.from_text_reasoning(text="think", protected_data="secret"),
                Content.from_uri("https://example.com/y.png", media_type="image/png"),
                Content.from_data(b"abc" * 100_000, "image/png"),
                Content.from_error(message="broken", error_code="7"),
            ],
            author_name="bot",
            message_id="m 1",
            additional_properties={"long": "x" * 20_000},
        ),
        Message("tool", [Content.from_function_result("c1", result="y" * 300_000)]),
        Message("tool", [Content.from_function_result(name, result=name * 40) for name in ("c1", "c2")]),
    ]
    provider = ParleyHistoryProvider(user=user)

    await provider.save_messages("s", messages)

    assert written(await provider.get_messages("s")) == written(messages)


async def check_what_is_said_three_times_is_there_three_times(user: str) -> None:
    provider = ParleyHistoryProvider(user=user)
    for _ in range(2):
        await provider.save_messages("s", said("yes"))
    await provider.save_messages("s", said("yes", "ok"))

    assert [message.text for message in await provider.get_messages("s")] == ["yes", "yes", "yes", "ok"]
    newest = await ParleyHistoryProvider(user=user, newest=2).get_messages("s")
    assert [message.text for message in newest] == ["yes", "ok"]


async def check_a_store_that_fails_fails_the_run(user: str) -> None:
    provider = ParleyHistoryProvider(user=user, url="http://127.0.0.1:9/elsewhere")
    provider._parley._patience = type(provider._parley._patience)(tries=1)
    agent = Agent(Scripted(Message("assistant", ["hi"])), context_providers=[provider])

    with pytest.raises(ParleyError):
        await agent.run("Hello", session=AgentSession(session_id="s"))
    with pytest.raises(ValueError, match="AgentSession"):
        await provider.get_messages(None)


async def check_messages_of_other_clients_are_messages(user: str) -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    Parley(user=user).append_anywhere(
        {"role": "assistant", "content": "Let me see.", "function_calls": calls},
        {"role": "tool", "content": "1", "tool_call_id": "c1"},
        session_id="s",
    )

    found = await ParleyHistoryProvider(user=user).get_messages("s")

    assert [[content.type for content in message.contents] for message in found] == [
        ["text", "function_call"],
        ["function_result"],
    ]
