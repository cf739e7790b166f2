"""parley_client.langgraph with the real packages: beside InMemorySaver, and as its own conformance suite sees it."""

import operator
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, RemoveMessage
from langchain_core.tools import tool
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.conformance.initializer import checkpointer_test
from langgraph.checkpoint.conformance.validate import validate
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command, Send, interrupt
from parley_client import Parley, ParleyError
from parley_client.langgraph import ParleySaver
from transports import Counting, Losing

IMAGE = "data:image/png;base64," + "iVBORw0K" * 50_000
QUESTION = HumanMessage(
    [{"type": "text", "text": "What is it like?"}, {"type": "image_url", "image_url": {"url": IMAGE}}],
    id="u1",
    additional_kwargs={"10": 1, "2": 2**60, "f": [1.0, -0.0]},
)
CALLS = [{"name": "weather", "args": {"city": "Rome", "n": 2**60}}, {"name": "clock", "args": {"city": "Rome"}}]
USAGE = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}


@tool
def weather(city: str, n: int = 0) -> str:
    """Say what the sky is like."""
    return f"sun in {city} {n}"


@tool
def clock(city: str) -> str:
    """Say what time it is."""
    return f"noon in {city}"


def speak(state: MessagesState) -> dict[str, Any]:
    """Think and call two tools after a question, and answer after them."""
    count = len(state["messages"])
    if state["messages"][-1].type == "human":
        calls = [{**call, "id": f"c{count}-{number}"} for number, call in enumerate(CALLS)]
        said = [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "Let me look."}]
        return {"messages": [AIMessage(said, id=f"a{count}", tool_calls=calls, usage_metadata=USAGE)]}
    answer = AIMessage(f"Sunny and noon, {count}.", id=f"a{count}", response_metadata={"logprobs": [1.0]})
    return {"messages": [answer]}


def agent(saver: BaseCheckpointSaver[Any]) -> Any:
    graph = StateGraph(MessagesState)
    graph.add_node("agent", speak)
    graph.add_node("tools", ToolNode([weather, clock]))
    graph.add_edge(START, "agent")
    graph.add_conditional_edges("agent", tools_condition)
    graph.add_edge("tools", "agent")
    return graph.compile(checkpointer=saver)


def thread(name: str = "user:42/x ü") -> dict[str, Any]:
    return {"configurable": {"thread_id": name}}


def dumps(messages: list[BaseMessage]) -> list[dict[str, Any]]:
    """Return messages as data, without the ids that LangGraph draws for the answers of tools."""
    return [
        {name: value for name, value in message.model_dump().items() if (message.type, name) != ("tool", "id")}
        for message in messages
    ]


def steps(graph: Any, config: dict[str, Any]) -> list[Any]:
    return [
        (state.next, state.metadata["step"], state.metadata["source"], dumps(state.values.get("messages", [])))
        for state in graph.get_state_history(config)
    ]


@pytest.fixture
def saver(user: str) -> ParleySaver:
    return ParleySaver(user=user)


@pytest.fixture
def parley(user: str) -> Iterator[Parley]:
    with Parley(user=user) as client:
        yield client


async def check_the_conformance_suite_passes_in_full() -> None:
    @checkpointer_test(name="Parley")
    async def factory() -> AsyncIterator[ParleySaver]:
        yield ParleySaver(user=f"conformance-{uuid.uuid4().hex}")

    report = await validate(factory)

    assert report.conformance_level() == "FULL"
    assert all(result.passed for result in report.results.values() if result.detected)
    assert report.results["copy_thread"].tests_passed == 8


def check_every_state_of_a_real_turn_is_as_it_is_in_memory(saver: ParleySaver, user: str) -> None:
    own, other = agent(saver), agent(InMemorySaver())
    for graph in (own, other):
        graph.invoke({"messages": [QUESTION]}, thread())
        graph.invoke({"messages": [HumanMessage("again", id="u2")]}, thread())
        old = list(graph.get_state_history(thread()))[3].config
        graph.invoke({"messages": [HumanMessage("another way", id="u3")]}, old)
        graph.invoke({"messages": [RemoveMessage(id="u1"), HumanMessage("last", id="u4")]}, thread())
        graph.update_state(thread(), {"messages": [AIMessage("said by hand", id="a99")]})

    assert steps(own, thread()) == steps(other, thread())
    assert steps(agent(ParleySaver(user=user)), thread()) == steps(other, thread())


def check_nothing_is_missing_or_doubled_when_the_answer_to_every_write_is_lost(user: str) -> None:
    own, other = agent(ParleySaver(client=Parley(user=user, transport=Losing))), agent(InMemorySaver())
    for graph in (own, other):
        graph.invoke({"messages": [QUESTION]}, thread())
        graph.invoke({"messages": [HumanMessage("again", id="u2")]}, thread())

    assert steps(own, thread()) == steps(other, thread())
    assert [session["message_count"] for session in Parley(user=user).sessions(channel="langgraph")] == [10]


async def check_the_same_holds_without_blocking(saver: ParleySaver) -> None:
    own, other = agent(saver), agent(InMemorySaver())
    for graph in (own, other):
        await graph.ainvoke({"messages": [QUESTION]}, thread())
        await graph.ainvoke({"messages": [HumanMessage("again", id="u2")]}, thread())

    assert steps(own, thread()) == steps(other, thread())
    states = [state async for state in own.aget_state_history(thread())]
    assert [state.metadata["step"] for state in states] == [8, 7, 6, 5, 4, 3, 2, 1, 0, -1]


def check_the_conversation_is_a_session_that_is_read_searched_and_sent_to_models(
    saver: ParleySaver, parley: Parley
) -> None:
    agent(saver).invoke({"messages": [QUESTION]}, thread())

    (session,) = parley.sessions(channel="langgraph")
    assert session["session_name"] == "user:42/x ü"
    roles = [message["role"] for message in parley.messages(session["id"])]
    assert roles == ["user", "assistant", "tool", "tool", "assistant"]
    assert [hit["message"]["content"] for hit in parley.search("noon, ")] == ["Sunny and noon, 4."]
    prompt = parley.prompt(session["id"])
    assert [call["id"] for call in prompt["messages"][1]["tool_calls"]] == ["c1-0", "c1-1"]


def check_a_step_costs_one_request_and_as_many_bytes_however_long_the_thread_is(user: str) -> None:
    counting = Counting()
    graph = agent(ParleySaver(user=user, client=Parley(user=user, transport=lambda: counting)))
    costs = {}
    for before in (0, 1_000):
        if before:
            texts = [HumanMessage(f"message {number}", id=f"old{number}") for number in range(before)]
            graph.update_state(thread(), {"messages": texts}, as_node="agent")
        counting.counts.taken()
        graph.get_state(thread())
        reading = counting.counts.taken()
        graph.invoke({"messages": [HumanMessage("What is it like?", id=f"u{before}")]}, thread())
        costs[before] = reading, counting.counts.taken()

    (read_short, turn_short), (read_long, turn_long) = costs.values()
    assert (read_short.requests, read_long.requests) == (2, 2 + 5)  # 1,005 messages, the newest 200 of them at once
    assert turn_short.requests - read_short.requests == turn_long.requests - read_long.requests == 9
    assert turn_long.sent < 1.3 * turn_short.sent


def check_what_a_run_waits_for_and_what_its_tasks_wrote_is_resumed_by_another_process(user: str) -> None:
    class State(TypedDict):
        seen: Annotated[list[Any], operator.add]

    def build() -> Any:
        graph = StateGraph(State)
        graph.add_node("one", lambda _: {"seen": [interrupt("which?")]})
        graph.add_node("each", lambda state: {"seen": [state["number"]]})
        graph.add_conditional_edges(
            START, lambda _: [Send("each", {"number": n}) for n in range(120)] + [Send("one", {})]
        )
        return graph.compile(checkpointer=ParleySaver(user=user))

    build().invoke({"seen": []}, thread())
    (task,) = [task for task in build().get_state(thread()).tasks if task.interrupts]
    assert task.interrupts[0].value == "which?"
    found = build().invoke(Command(resume="this"), thread())

    assert found["seen"] == [*range(120), "this"]


def check_subgraphs_keep_states_of_their_own_and_say_nothing_twice(saver: ParleySaver, parley: Parley) -> None:
    inner = StateGraph(MessagesState)
    inner.add_node("ask", lambda _: {"messages": [AIMessage(f"heard {interrupt('what?')}", id="i1")]})
    inner.add_edge(START, "ask")
    outer = StateGraph(MessagesState)
    outer.add_node("inner", inner.compile())
    outer.add_edge(START, "inner")
    graph = outer.compile(checkpointer=saver)

    graph.invoke({"messages": [HumanMessage("hello there", id="u1")]}, thread())
    found = graph.invoke(Command(resume="it"), thread())

    assert [message.content for message in found["messages"]] == ["hello there", "heard it"]
    assert len(list(parley.search("hello there"))) == 1
    saver.delete_thread("user:42/x ü")
    assert list(parley.sessions(status="all")) == []


@pytest.mark.parametrize("size", [3_000, 100_000, 700_000, 3_000_000])
def check_values_of_any_size_are_stored_once_a_version(user: str, size: int) -> None:
    class State(TypedDict):
        large: str
        count: int

    counting = Counting()
    graph = StateGraph(State)
    graph.add_node("count", lambda state: {"count": state["count"] + 1})
    graph.add_edge(START, "count")
    client = Parley(user=user, transport=lambda: counting)
    compiled = graph.compile(checkpointer=ParleySaver(user=user, client=client))
    large = "".join(uuid.uuid5(uuid.NAMESPACE_OID, str(number)).hex for number in range(size // 32))

    compiled.invoke({"large": large, "count": 0}, thread())
    counting.counts.taken()
    compiled.invoke({"count": 1}, thread())
    sent = counting.counts.taken().sent

    assert graph.compile(checkpointer=ParleySaver(user=user)).get_state(thread()).values == {"large": large, "count": 2}
    assert sent < 30_000


def check_five_hundred_messages_at_once_and_a_message_of_two_megabytes_come_back(saver: ParleySaver, user: str) -> None:
    graph = agent(saver)
    texts: list[BaseMessage] = [HumanMessage(f"message {number}", id=f"m{number}") for number in range(500)]
    texts.append(
        AIMessage([{"type": "text", "text": "a picture"}, {"type": "image", "base64": "iVBORw0K" * 250_000}], id="big")
    )

    graph.update_state(thread(), {"messages": texts}, as_node="agent")

    found = agent(ParleySaver(user=user)).get_state(thread()).values["messages"]
    assert dumps(found) == dumps(texts)


def check_a_thread_that_was_archived_goes_on(saver: ParleySaver, parley: Parley) -> None:
    graph = agent(saver)
    graph.invoke({"messages": [QUESTION]}, thread())
    for session in list(parley.sessions()):
        parley.archive(session["id"])

    graph.invoke({"messages": [HumanMessage("again", id="u2")]}, thread())

    assert len(graph.get_state(thread()).values["messages"]) == 10


def check_a_redacted_message_keeps_its_place_and_says_nothing(saver: ParleySaver, parley: Parley, user: str) -> None:
    agent(saver).invoke({"messages": [QUESTION]}, thread())
    (session,) = parley.sessions(channel="langgraph")
    first = next(iter(parley.messages(session["id"])))
    parley.redact_message(session["id"], first["id"])

    graph = agent(ParleySaver(user=user))
    (said, *others) = graph.get_state(thread()).values["messages"]
    assert (said.type, said.content, len(others)) == ("human", "", 4)
    graph.invoke({"messages": [HumanMessage("again", id="u2")]}, thread())
    assert parley.stats(session["id"])["message_count"] == 10


def check_a_thread_that_others_deleted_meanwhile_begins_anew(saver: ParleySaver, user: str) -> None:
    graph = agent(saver)
    graph.invoke({"messages": [QUESTION]}, thread())
    before = graph.get_state(thread())
    ParleySaver(user=user).delete_thread("user:42/x ü")

    config = saver.put(before.config, saver_checkpoint(before.values["messages"]), {"source": "loop", "step": 9}, {})

    found = ParleySaver(user=user).get_tuple(config)
    assert found
    assert dumps(found.checkpoint["channel_values"]["messages"]) == dumps(before.values["messages"])


def saver_checkpoint(messages: list[BaseMessage]) -> Any:
    """Return a checkpoint as a graph makes them."""
    return {
        "v": 4,
        "id": f"2{uuid.uuid4().hex}",
        "ts": "2026-01-01T00:00:00+00:00",
        "channel_values": {"messages": messages},
        "channel_versions": {"messages": 9},
        "versions_seen": {},
    }


def check_what_is_encrypted_is_readable_nowhere(user: str, parley: Parley) -> None:
    class Cipher:
        def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
            return "xor", bytes(byte ^ 7 for byte in plaintext)

        def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:  # noqa: ARG002 - as the framework names them
            return bytes(byte ^ 7 for byte in ciphertext)

    graph = agent(ParleySaver(user=user, serde=EncryptedSerializer(Cipher())))
    graph.invoke({"messages": [HumanMessage("my secret", id="u1")]}, thread())

    assert graph.get_state(thread()).values["messages"][0].content == "my secret"
    assert list(parley.search("secret")) == []
    assert "secret" not in str(list(parley.export()))


@pytest.mark.parametrize(
    "call",
    [
        lambda saver: saver.get_tuple(thread()),
        lambda saver: list(saver.list(thread())),
        lambda saver: saver.put(thread(), saver_checkpoint([QUESTION]), {}, {}),
        lambda saver: saver.put_writes({"configurable": {"thread_id": "t", "checkpoint_id": "1"}}, [("a", 1)], "t"),
    ],
)
def check_a_store_that_refuses_is_no_empty_thread(call: Callable[[ParleySaver], Any]) -> None:
    with pytest.raises(ParleyError):
        call(ParleySaver(client=Parley()))
