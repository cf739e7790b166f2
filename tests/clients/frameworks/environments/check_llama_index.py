"""parley_client.llama_index with the real packages: beside the framework's own stores."""

import asyncio
import base64
from typing import Any

import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
    ContentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.memory import Memory
from llama_index.core.storage.chat_store import BaseChatStore, SimpleChatStore
from llama_index.core.storage.chat_store.base_db import AsyncDBChatStore
from llama_index.core.storage.chat_store.base_db import MessageStatus as Status
from llama_index.core.storage.chat_store.sql import SQLAlchemyChatStore
from parley_client import AsyncParley, Parley, ParleyError
from parley_client.llama_index import ParleyChatStore, ParleyKeyedChatStore
from transports import AsyncCounting, AsyncLosing, Losing

KEY = "user:42/x ü"
QUESTION: list[ContentBlock] = [
    TextBlock(text="What is it like in Rome, and what time is it?"),
    ImageBlock(image=base64.b64encode(b"\x89PNG" * 75_000), image_mimetype="image/png"),
    ImageBlock(url="https://example.com/rome.png"),
]
ANSWER: list[ContentBlock] = [
    ThinkingBlock(content="I had better look it up.", num_tokens=3, additional_information={"signature": "z"}),
    TextBlock(text="Let me look."),
    ToolCallBlock(tool_call_id="c1", tool_name="weather", tool_kwargs={"city": "Rome", "n": 2**60}),
    ToolCallBlock(tool_call_id="c2", tool_name="clock", tool_kwargs='{"city": "Rome"}'),
]
TURN = [
    ChatMessage(role="user", blocks=QUESTION),
    ChatMessage(role="assistant", blocks=ANSWER, additional_kwargs={"usage": {"prompt_tokens": 3}, "f": 1.0}),
    ChatMessage("sun", role="tool", additional_kwargs={"tool_call_id": "c1", "large": "x" * 20_000}),
    ChatMessage("noon", role="tool", additional_kwargs={"tool_call_id": "c2"}),
    ChatMessage("Sunny and noon.", role="assistant"),
    ChatMessage("yes", role="chatbot"),
    ChatMessage("yes", role="model"),
    ChatMessage("yes", role="function"),
]


def said(*texts: object) -> list[ChatMessage]:
    return [ChatMessage(str(text)) for text in texts]


def dumps(messages: list[ChatMessage] | None) -> Any:
    return None if messages is None else [message.model_dump(mode="json") for message in messages]


async def queue(store: AsyncDBChatStore) -> list[Any]:
    """Do what the interface has, and return what was to be seen."""
    seen = [dumps(await store.get_messages(KEY))]
    await store.add_messages(KEY, TURN)
    seen += [dumps(await store.get_messages(KEY)), dumps(await store.archive_oldest_messages(KEY, 3))]
    seen += [await store.count_messages(KEY, status) for status in (Status.ACTIVE, Status.ARCHIVED, None)]
    await store.add_message(KEY, ChatMessage("late"))
    await store.add_message(KEY, ChatMessage("old"), Status.ARCHIVED)
    seen += [dumps(await store.get_messages(KEY, None)), dumps(await store.get_messages(KEY, Status.ACTIVE, 2, 1))]
    seen += [dumps(await store.delete_oldest_messages(KEY, 2)), dumps(await store.get_messages(KEY))]
    seen += [dumps(await store.archive_oldest_messages(KEY, 0)), dumps(await store.get_messages(KEY, Status.ARCHIVED))]
    await store.delete_messages(KEY, Status.ARCHIVED)
    seen += [dumps(await store.get_messages(KEY, None)), dumps(await store.archive_oldest_messages(KEY, 1))]
    await store.delete_messages(KEY, Status.ACTIVE)
    seen.append(dumps(await store.get_messages(KEY, None)))
    await store.set_messages(KEY, said("a", "b", "c"))
    seen += [dumps(await store.get_messages(KEY)), await store.get_keys()]
    await store.set_messages(KEY, said("z"), Status.ARCHIVED)
    seen += [dumps(await store.get_messages(KEY, status)) for status in (Status.ACTIVE, Status.ARCHIVED)]
    seen += [await store.delete_message(KEY, 0), dumps(await store.delete_oldest_messages("none", 5))]
    await store.delete_messages(KEY)
    await store.delete_messages("none")
    return [*seen, await store.get_keys()]


def keyed(store: BaseChatStore) -> list[Any]:
    """Do what the older interface has, and return what was to be seen."""
    seen: list[Any] = [store.get_messages(KEY), store.delete_last_message("none"), store.delete_messages("none")]
    store.set_messages(KEY, said("a", "b", "c", "d"))
    store.add_message(KEY, ChatMessage("e"))
    seen += [store.delete_message(KEY, 1), store.delete_message(KEY, -1), store.delete_message(KEY, 9)]
    seen += [store.delete_last_message(KEY), dumps(store.get_messages(KEY)), store.get_keys()]
    return [*seen, dumps(store.delete_messages(KEY)), store.get_keys()]


async def keyed_async(store: BaseChatStore) -> list[Any]:
    seen: list[Any] = [await store.aget_messages(KEY), await store.adelete_messages("none")]
    await store.aset_messages(KEY, said("a", "b", "c", "d"))
    await store.async_add_message(KEY, ChatMessage("e"))
    seen += [await store.adelete_message(KEY, 1), await store.adelete_message(KEY, 9)]
    seen += [await store.adelete_last_message(KEY), dumps(await store.aget_messages(KEY)), await store.aget_keys()]
    return [*seen, dumps(await store.adelete_messages(KEY)), await store.aget_keys()]


async def check_the_queue_does_what_the_frameworks_own_database_does(user: str) -> None:
    assert await queue(ParleyChatStore(user=user)) == await queue(SQLAlchemyChatStore("messages"))


def check_the_older_interface_does_what_the_frameworks_own_store_does(user: str) -> None:
    assert keyed(ParleyKeyedChatStore(user=user)) == keyed(SimpleChatStore())
    for _ in range(2):  # in one loop after another
        assert asyncio.run(keyed_async(ParleyKeyedChatStore(user=user))) == asyncio.run(keyed_async(SimpleChatStore()))


async def check_both_do_so_when_the_answer_to_every_write_is_lost(user: str) -> None:
    store = ParleyChatStore(async_client=AsyncParley(user=user, transport=AsyncLosing))
    assert await queue(store) == await queue(SQLAlchemyChatStore("messages"))
    older = ParleyKeyedChatStore(client=Parley(user=user, transport=Losing))
    assert keyed(older) == keyed(SimpleChatStore())


async def check_a_long_queue_is_archived_by_one_write_and_loses_only_what_is_deleted(user: str) -> None:
    counting = AsyncCounting()
    store = ParleyChatStore(async_client=AsyncParley(user=user, transport=lambda: counting))
    await store.add_messages("long", said(*range(500)))

    assert [message.content for message in await store.delete_oldest_messages("long", 2)] == ["0", "1"]
    await store.archive_oldest_messages("long", 400)
    counting.counts.taken()
    active = await store.get_messages("long")
    assert [message.content for message in active] == [str(number) for number in range(402, 500)]
    assert counting.counts.taken().requests == 1
    await store.archive_oldest_messages("long", 1)
    assert counting.counts.taken().requests == 2
    assert await store.count_messages("long", None) == 498


async def check_what_two_delete_at_once_is_deleted_once(user: str) -> None:
    store = ParleyChatStore(user=user)
    await store.add_messages("c", said(*range(20)))

    found = await asyncio.gather(
        *(store.delete_oldest_messages("c", 2) for _ in range(4)), store.add_message("c", ChatMessage("new"))
    )

    deleted = sorted(int(message.content or "") for messages in found[:4] for message in messages or [])
    assert deleted == list(range(8))
    assert [message.content for message in await store.get_messages("c")] == [*map(str, range(8, 20)), "new"]


async def check_a_memory_flushes_its_oldest_messages_into_the_archive(user: str) -> None:
    store = ParleyChatStore(user=user)
    memory = Memory.from_defaults(
        session_id=KEY, chat_store=store, token_limit=200, chat_history_token_ratio=0.5, token_flush_size=50,
        tokenizer_fn=str.split,
    )  # fmt: skip
    for number in range(30):
        await memory.aput(ChatMessage("word " * 10 + str(number)))

    kept = [message.content for message in await memory.aget()]

    assert kept[-1] == "word " * 10 + "29"
    assert len(kept) < 20
    assert await store.count_messages(KEY, None) == 30


async def check_search_and_models_get_what_people_read(user: str) -> None:
    await ParleyChatStore(user=user).add_messages("c", TURN[:5])
    parley = Parley(user=user)

    assert len(list(parley.search("what time is it"))) == 1
    prompt = parley.prompt("c")
    assert [message["role"] for message in prompt["messages"]] == ["user", "assistant", "tool", "tool", "assistant"]
    assert prompt["messages"][1]["tool_calls"][1]["function"] == {"name": "clock", "arguments": '{"city": "Rome"}'}


async def check_a_store_that_refuses_is_no_empty_conversation() -> None:
    with pytest.raises(ParleyError):
        await ParleyChatStore(async_client=AsyncParley()).get_messages("c")
    with pytest.raises(ParleyError):
        ParleyKeyedChatStore(client=Parley()).get_messages("c")
