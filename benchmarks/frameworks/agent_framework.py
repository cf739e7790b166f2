"""agent-framework's history providers: the adapter, and the Cosmos package, which reads everything before a save."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Self

from agent_framework import Content, HistoryProvider, Message
from agent_framework_azure_cosmos import CosmosHistoryProvider
from azure.cosmos import PartitionKey
from azure.cosmos.aio import CosmosClient
from parley_client.agent_framework import ParleyHistoryProvider
from typing_extensions import override

from benchmarks.frameworks.side import COSMOS, DATABASE, OWNER, PICTURE, Side


class Messages(Side):
    """A history provider, by the two methods that a run calls."""

    def __init__(self, provider: HistoryProvider, conversation: str) -> None:
        """Work on a provider."""
        self._provider, self._conversation = provider, conversation

    @override
    async def read(self) -> list[Message]:
        return await self._provider.get_messages(self._conversation, state={})

    @override
    async def add(self, messages: Sequence[Message]) -> None:
        await self._provider.save_messages(self._conversation, messages, state={})

    @override
    def user(self, content: Any) -> Message:
        return Message("user", [content])

    @override
    def call(self, name: str, arguments: dict[str, Any]) -> Message:
        return Message("assistant", [Content.from_function_call(name, "search", arguments=arguments)])

    @override
    def result(self, name: str, text: str) -> Message:
        return Message("tool", [Content.from_function_result(name, result=text)])

    @override
    def answer(self, text: str) -> Message:
        return Message("assistant", [text])

    @override
    def picture(self) -> Message:
        return self.user(Content.from_uri(PICTURE))

    @override
    def real_turn(self) -> list[Message]:
        picture = Content.from_uri("https://example.com/1.png", media_type="image/png")
        thought = Content.from_text_reasoning(text="hm", protected_data="x")
        calls = [Content.from_function_call(name, name, arguments={"f": 1.5}) for name in ("weather", "clock")]
        results = [Content.from_function_result(name, result="sun") for name in ("weather", "clock")]
        return [
            Message("user", ["And?", picture], message_id="m1", additional_properties={"a": {"b": 1}}),
            Message("assistant", [thought, *calls], author_name="guide"),
            Message("tool", results),
            Message("assistant", ["Sunny."]),
        ]

    @override
    def dump(self, message: Message) -> Any:
        return message.to_dict()


class Adapter(Messages):
    """`parley_client.agent_framework`."""

    grows_by: ClassVar[int] = 20

    @override
    @classmethod
    @asynccontextmanager
    async def opened(cls, conversation: str) -> AsyncIterator[Self]:
        yield cls(ParleyHistoryProvider(user=OWNER), conversation)


class Peer(Messages):
    """Keeps a document a message."""

    @override
    @classmethod
    @asynccontextmanager
    async def opened(cls, conversation: str) -> AsyncIterator[Self]:
        async with CosmosClient(os.environ["PEER_ENDPOINT"], os.environ["PEER_KEY"], **COSMOS) as client:
            database = await client.create_database_if_not_exists(DATABASE)
            key = PartitionKey("/session_id")
            container = await database.create_container_if_not_exists("agent-framework", partition_key=key)
            yield cls(CosmosHistoryProvider(container_client=container), conversation)
