"""LangChain's histories: the adapter, and `langchain-azure-cosmosdb`, which writes the session whole each time."""

import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Self

from langchain_azure_cosmosdb import AsyncCosmosDBChatMessageHistory
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from parley_client.langchain import ParleyChatMessageHistory
from typing_extensions import override

from benchmarks.frameworks.side import COSMOS, DATABASE, OWNER, PICTURE, Side

logging.getLogger("langchain_azure_cosmosdb").addHandler(logging.NullHandler())  # refusals are counted, not printed
USAGE: Any = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}


class Messages(Side):
    """LangChain's messages."""

    @override
    def user(self, content: Any) -> BaseMessage:
        return HumanMessage(content)

    @override
    def call(self, name: str, arguments: dict[str, Any]) -> BaseMessage:
        return AIMessage("", id=f"run-{name}", tool_calls=[{"name": "search", "args": arguments, "id": name}])

    @override
    def result(self, name: str, text: str) -> BaseMessage:
        return ToolMessage(text, tool_call_id=name)

    @override
    def answer(self, text: str) -> BaseMessage:
        return AIMessage(text, usage_metadata=USAGE)

    @override
    def picture(self) -> BaseMessage:
        return HumanMessage([{"type": "image_url", "image_url": {"url": PICTURE}}])

    @override
    def real_turn(self) -> list[BaseMessage]:
        picture = {"type": "image_url", "image_url": {"url": "https://example.com/1.png"}}
        thought = {"type": "reasoning", "reasoning": "hm", "extras": {"signature": "z"}}
        calls = [{"name": name, "args": {"city": "Rome", "f": 1.5}, "id": name} for name in ("weather", "clock")]
        return [
            HumanMessage([{"type": "text", "text": "And?"}, picture], id="u1", additional_kwargs={"a": {"b": 1}}),
            AIMessage([thought, {"type": "text", "text": "Hm."}], id="a1", tool_calls=calls, usage_metadata=USAGE),
            ToolMessage("sun", id="t1", tool_call_id="weather", artifact={"rows": [1, None]}),
            ToolMessage("noon", id="t2", tool_call_id="clock", name="clock", status="error"),
            AIMessage("Sunny.", id="a2", usage_metadata=USAGE, response_metadata={"logprobs": [0.5]}),
        ]

    @override
    def dump(self, message: BaseMessage) -> Any:
        return message.model_dump()


class Adapter(Messages):
    """`parley_client.langchain`."""

    grows_by: ClassVar[int] = 20

    def __init__(self, conversation: str) -> None:
        """Work on a history."""
        self._history = ParleyChatMessageHistory(conversation, user=OWNER)

    @override
    @classmethod
    @asynccontextmanager
    async def opened(cls, conversation: str) -> AsyncIterator[Self]:
        yield cls(conversation)

    @override
    async def read(self) -> list[BaseMessage]:
        return await self._history.aget_messages()

    @override
    async def add(self, messages: Sequence[BaseMessage]) -> None:
        await self._history.aadd_messages(messages)


class Peer(Messages):
    """Holds the session in memory, so that a turn has to load it once."""

    def __init__(self, history: AsyncCosmosDBChatMessageHistory) -> None:
        """Work on an opened history."""
        self._history = history

    @override
    @classmethod
    @asynccontextmanager
    async def opened(cls, conversation: str) -> AsyncIterator[Self]:
        history = AsyncCosmosDBChatMessageHistory(
            os.environ["PEER_ENDPOINT"],
            DATABASE,
            "langchain",
            conversation,
            OWNER,
            credential=os.environ["PEER_KEY"],
            cosmos_client_kwargs=COSMOS,
        )
        async with history._client:  # noqa: SLF001 - leaving the history itself would write the session once more
            await history.prepare_cosmos()
            yield cls(history)

    @override
    async def read(self) -> list[BaseMessage]:
        await self._history.load_messages()
        return list(self._history.messages)

    @override
    async def add(self, messages: Sequence[BaseMessage]) -> None:
        await self._history.aadd_messages(messages)
