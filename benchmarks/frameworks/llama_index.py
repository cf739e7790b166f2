"""LlamaIndex's chat stores: the adapter for `Memory`, and `llama-index-storage-chat-store-azurecosmosnosql`."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Self

from azure.cosmos import CosmosClient, PartitionKey
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock, ThinkingBlock, ToolCallBlock
from llama_index.storage.chat_store.azurecosmosnosql import AzureCosmosNoSqlChatStore
from parley_client.llama_index import ParleyChatStore
from typing_extensions import override

from benchmarks.frameworks.side import COSMOS, DATABASE, OWNER, PICTURE, Side


class Messages(Side):
    """LlamaIndex's messages."""

    @override
    def user(self, content: Any) -> ChatMessage:
        return ChatMessage(content)

    @override
    def call(self, name: str, arguments: dict[str, Any]) -> ChatMessage:
        called = ToolCallBlock(tool_call_id=name, tool_name="search", tool_kwargs=arguments)
        return ChatMessage(role="assistant", blocks=[called])

    @override
    def result(self, name: str, text: str) -> ChatMessage:
        return ChatMessage(text, role="tool", additional_kwargs={"tool_call_id": name})

    @override
    def answer(self, text: str) -> ChatMessage:
        return ChatMessage(text, role="assistant")

    @override
    def picture(self) -> ChatMessage:
        return ChatMessage(role="user", blocks=[ImageBlock(image=PICTURE.partition(",")[2])])

    @override
    def real_turn(self) -> list[ChatMessage]:
        asked = [TextBlock(text="And?"), ImageBlock(url="https://example.com/1.png")]
        thought = ThinkingBlock(content="hm", additional_information={"signature": "z"})
        names = ("weather", "clock")
        calls = [ToolCallBlock(tool_call_id=name, tool_name=name, tool_kwargs={"f": 1.5}) for name in names]
        return [
            ChatMessage(role="user", blocks=asked),
            ChatMessage(role="assistant", blocks=[thought, *calls], additional_kwargs={"usage": {"input": 3}}),
            *(self.result(name, "sun") for name in names),
            self.answer("Sunny."),
        ]

    @override
    def dump(self, message: ChatMessage) -> Any:
        return message.model_dump(mode="json")


class Adapter(Messages):
    """`parley_client.llama_index`, as `Memory` uses it."""

    grows_by: ClassVar[int] = 20

    def __init__(self, conversation: str) -> None:
        """Work on a store."""
        self._store, self._conversation = ParleyChatStore(user=OWNER), conversation

    @override
    @classmethod
    @asynccontextmanager
    async def opened(cls, conversation: str) -> AsyncIterator[Self]:
        yield cls(conversation)

    @override
    async def read(self) -> list[ChatMessage]:
        return await self._store.get_messages(self._conversation)

    @override
    async def add(self, messages: Sequence[ChatMessage]) -> None:
        await self._store.add_messages(self._conversation, list(messages))


class Peer(Messages):
    """Has the older interface only, and takes one message at a time."""

    def __init__(self, store: AzureCosmosNoSqlChatStore, conversation: str) -> None:
        """Work on an opened store."""
        self._store, self._conversation = store, conversation

    @override
    @classmethod
    @asynccontextmanager
    async def opened(cls, conversation: str) -> AsyncIterator[Self]:
        client = CosmosClient(os.environ["PEER_ENDPOINT"], os.environ["PEER_KEY"], **COSMOS)
        partition = {"partition_key": PartitionKey("/id")}
        yield cls(AzureCosmosNoSqlChatStore(client, DATABASE, "llama-index", partition, {}), conversation)

    @override
    async def read(self) -> list[ChatMessage]:
        return await self._store.aget_messages(self._conversation)

    @override
    async def add(self, messages: Sequence[ChatMessage]) -> None:
        for message in messages:
            await self._store.async_add_message(self._conversation, message)
