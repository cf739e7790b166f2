"""parley_client.pydantic_ai with the real packages: beside InMemoryConversationStore."""

import asyncio
import dataclasses
from typing import Any

import pytest
from parley_client import AsyncParley, Parley, ParleyError
from parley_client.pydantic_ai import ParleyConversationStore
from pydantic_ai import Agent, BinaryContent, ImageUrl
from pydantic_ai.conversation import Conversation
from pydantic_ai.conversation_store import (
    ConversationConflict,
    ConversationRecord,
    ConversationStore,
    InMemoryConversationStore,
)
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelResponse,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.usage import RequestUsage
from transports import AsyncCounting, AsyncLosing

NAME = "user:42/x ü " + "z" * 80
QUESTION = [
    "What is it like in Rome, and what time is it?",
    BinaryContent(b"\x89PNG" * 75_000, media_type="image/png"),
    ImageUrl(url="https://example.com/rome.png"),
]


def answer(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
    """Think and call two tools after a question, and answer after them."""
    if any(isinstance(part, ToolReturnPart) for part in messages[-1].parts):
        return ModelResponse([TextPart("Sunny and noon.")], usage=RequestUsage(input_tokens=30, output_tokens=4))
    calls = [
        ToolCallPart("weather", {"city": "Rome", "n": 2**60}, "c1"),
        ToolCallPart("clock", '{"city": "Rome"}', "c2"),
    ]
    thought = ThinkingPart("I had better look it up.", signature="sig" * 20)
    usage = RequestUsage(input_tokens=3, output_tokens=4)
    return ModelResponse([thought, TextPart("Let me look."), *calls], usage=usage, provider_details={"f": [1.0, -0.0]})


agent = Agent(FunctionModel(answer), system_prompt="You are a guide.", instructions="Be brief.")


@agent.tool_plain
def weather(city: str, n: int) -> dict[str, Any]:
    """Say what the sky is like."""
    return {"sky": "sun", "in": city, "n": [1.0, n]}


@agent.tool_plain
def clock(city: str) -> str:
    """Say what time it is."""
    return f"noon in {city}"


def dumps(messages: list[ModelMessage]) -> Any:
    return ModelMessagesTypeAdapter.dump_python(messages, mode="json")


def told(record: ConversationRecord | None) -> Any:
    """Return a record without what is drawn by chance or by the clock."""
    assert record
    drawn = {"revision", "updated_at", "head_id", "forked_at", "branches"}
    return [value for name, value in dataclasses.asdict(record).items() if name not in drawn] + [len(record.branches)]


async def begun(store: ConversationStore, scope: str | None = None) -> Conversation:
    result = await agent.run(QUESTION, conversation=Conversation(conversation_id=NAME))
    await store.save(result, scope=scope)
    conversation = await store.load(NAME)
    assert conversation
    assert dumps(conversation.messages) == dumps(result.all_messages())
    return conversation


async def conversations(store: ConversationStore) -> list[Any]:
    """Do what the interface has, and return what was to be seen."""
    seen: list[Any] = [await store.load(NAME)]
    first = await begun(store, "alice")
    entries = await store.save(await agent.run("again", conversation=await store.load(NAME)), scope="alice")
    seen += [len(entries), first.usage, told(await store.read_record(NAME))]
    for late in (first, Conversation(conversation_id=NAME, messages=first.messages)):
        with pytest.raises(ConversationConflict):
            await store.save(late)
    second = await store.load(NAME)
    assert second
    branch = await store.branch(NAME, at=4, expected_revision=second.revision)
    await store.save(await agent.run("another way", conversation=branch))
    record = await store.read_record(NAME)
    assert record
    seen += [len(branch.messages), told(record)]
    limited = await store.load(NAME, limit=3)
    back = await store.branch(NAME, from_entry=record.branches[0], expected_revision=record.revision)
    fork = await store.fork(NAME, at=4, new_conversation_id="a fork", scope="bob")
    whole = await store.fork(NAME, new_conversation_id="whole", at=0)
    with pytest.raises(ConversationConflict):
        await store.fork(NAME, new_conversation_id="a fork")
    seen += [len(each.messages) for each in (limited, back, fork, whole) if each]
    for scope, limit in ((None, None), ("bob", None), (None, 1), ("nobody", None)):
        seen.append([each.conversation_id for each in await store.list_conversations(scope=scope, limit=limit)])
    await store.delete(NAME, scope="bob")
    seen.append(await store.load(NAME, scope="bob"))
    seen.append(await store.load(NAME) is not None)
    await store.delete(NAME)
    await store.save(await agent.run("more", conversation=await store.load("a fork")))
    forked = await store.load("a fork")
    assert forked
    seen += [await store.load(NAME), len(forked.messages), told(await store.read_record("a fork"))]
    await store.save(Conversation(conversation_id="empty"))
    await store.save(await store.load("empty") or Conversation())
    return [*seen, told(await store.read_record("empty"))]


async def check_the_store_does_what_the_frameworks_own_one_does(user: str) -> None:
    assert await conversations(ParleyConversationStore(user=user)) == await conversations(InMemoryConversationStore())


async def check_it_does_so_when_the_answer_to_every_write_is_lost(user: str) -> None:
    store = ParleyConversationStore(async_client=AsyncParley(user=user, transport=AsyncLosing))
    assert await conversations(store) == await conversations(InMemoryConversationStore())


async def check_a_turn_is_saved_by_one_append_and_loaded_by_two_reads(user: str) -> None:
    counting = AsyncCounting()
    store = ParleyConversationStore(async_client=AsyncParley(user=user, transport=lambda: counting))
    await begun(store)
    counting.counts.taken()

    conversation = await store.load(NAME)
    assert counting.counts.taken().requests == 2
    await store.save(await agent.run("again", conversation=conversation))
    assert counting.counts.taken().requests == 2


async def check_of_eight_who_save_at_once_one_does_and_the_others_are_told(user: str) -> None:
    stores = [ParleyConversationStore(user=user) for _ in range(8)]
    await begun(stores[0])
    results = [
        await agent.run(f"by {number}", conversation=await store.load(NAME)) for number, store in enumerate(stores)
    ]

    found = await asyncio.gather(
        *(store.save(r) for store, r in zip(stores, results, strict=True)), return_exceptions=True
    )

    assert sum(isinstance(each, ConversationConflict) for each in found) == 7
    conversation = await stores[0].load(NAME)
    assert conversation
    assert len(conversation.messages) == 8


async def check_eight_who_begin_at_once_make_one_conversation(user: str) -> None:
    stores = [ParleyConversationStore(user=user) for _ in range(8)]
    results = [await agent.run("hi", conversation=Conversation(conversation_id=NAME)) for _ in stores]

    found = await asyncio.gather(
        *(store.save(r) for store, r in zip(stores, results, strict=True)), return_exceptions=True
    )

    assert sum(isinstance(each, ConversationConflict) for each in found) == 7
    conversation = await ParleyConversationStore(user=user).load(NAME)
    assert conversation
    assert len(conversation.messages) == 4


async def check_feedback_between_load_and_save_is_no_conflict_and_a_redaction_is_no_hole(user: str) -> None:
    store = ParleyConversationStore(user=user)
    conversation = await begun(store)
    parley = Parley(user=user)
    (session,) = parley.sessions()
    messages = list(parley.messages(session["id"]))
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "tool", "tool", "assistant"]

    parley.change_message(session["id"], messages[-1]["id"], feedback={"rating": "up"})
    await store.save(await agent.run("again", conversation=conversation))
    parley.redact_message(session["id"], messages[2]["id"])
    parley.redact_message(session["id"], messages[3]["id"])

    found = await ParleyConversationStore(user=user).load(NAME)
    assert found
    assert [[part.part_kind for part in message.parts] for message in found.messages][:3] == [
        ["system-prompt", "user-prompt"],
        ["tool-return"],
        ["text"],
    ]
    assert len(found.messages) == 7


async def check_an_archived_conversation_goes_on(user: str) -> None:
    store = ParleyConversationStore(user=user)
    conversation = await begun(store)
    parley = Parley(user=user)
    (session,) = parley.sessions()
    parley.archive(session["id"])

    await store.save(await agent.run("again", conversation=conversation))

    found = await store.load(NAME)
    assert found
    assert len(found.messages) == 8


async def check_a_model_and_a_search_get_what_people_read(user: str) -> None:
    await begun(ParleyConversationStore(user=user))
    parley = Parley(user=user)
    (session,) = parley.sessions()

    prompt = parley.prompt(session["id"])
    assert [message.get("tool_call_id") for message in prompt["messages"]][3:5] == ["c1", "c2"]
    assert len(list(parley.search("what time is it"))) == 1


async def check_a_store_that_refuses_is_no_missing_conversation() -> None:
    with pytest.raises(ParleyError):
        await ParleyConversationStore(async_client=AsyncParley()).load("c")
