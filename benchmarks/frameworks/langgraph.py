"""LangGraph's checkpointers: the adapter, and the one of `langchain-azure-cosmosdb`, which stores the state whole."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Self

from langchain_azure_cosmosdb.aio import CosmosDBSaver
from langchain_core.messages import BaseMessage
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, MessagesState, StateGraph
from parley_client.langgraph import ParleySaver
from typing_extensions import override

from benchmarks.frameworks.langchain import Messages
from benchmarks.frameworks.side import COSMOS, DATABASE, OWNER


class Thread(Messages):
    """A graph that says what it is told to: a step for each message of a turn but the first, which comes from outside.

    An invocation resumes by itself. A state that an invocation beside it has replaced is still a checkpoint.
    """

    turn_reads: ClassVar[bool] = True

    def __init__(self, conversation: str, saver: BaseCheckpointSaver[Any]) -> None:
        """Make a graph on a checkpointer."""
        self._config: Any = {"configurable": {"thread_id": conversation}}
        self._saver = saver
        self._answers: list[BaseMessage] = []
        graph = StateGraph(MessagesState)
        graph.add_node("agent", self._speak)
        graph.add_edge(START, "agent")
        graph.add_conditional_edges("agent", lambda _: "agent" if self._answers else END, ["agent", END])
        self._graph = graph.compile(checkpointer=saver)

    async def _speak(self, _: MessagesState) -> dict[str, Any]:
        said, self._answers = self._answers[:1], self._answers[1:]
        return {"messages": said}

    @override
    async def read(self) -> list[BaseMessage]:
        return (await self._graph.aget_state(self._config)).values.get("messages", [])

    @override
    async def add(self, messages: Sequence[BaseMessage]) -> None:
        await self._graph.ainvoke({"messages": list(messages)}, self._config)

    @override
    async def take_turn(self, messages: Sequence[BaseMessage]) -> None:
        self._answers = list(messages[1:])
        await self.add(messages[:1])

    @override
    async def everything(self) -> list[BaseMessage]:
        tuples = [found async for found in self._saver.alist(self._config)]
        all_of_them = [message for one in tuples for message in one.checkpoint["channel_values"].get("messages", [])]
        return list({message.id: message for message in all_of_them}.values())


class Adapter(Thread):
    """`parley_client.langgraph`."""

    @override
    @classmethod
    @asynccontextmanager
    async def opened(cls, conversation: str) -> AsyncIterator[Self]:
        yield cls(conversation, ParleySaver(user=OWNER))


class Peer(Thread):
    """Has no users: whoever knows a thread's name has the thread."""

    @override
    @classmethod
    @asynccontextmanager
    async def opened(cls, conversation: str) -> AsyncIterator[Self]:
        account = {"endpoint": os.environ["PEER_ENDPOINT"], "key": os.environ["PEER_KEY"]}
        names = {"database_name": DATABASE, "container_name": "langgraph"}
        async with CosmosDBSaver.from_conn_info(**account, **names, cosmos_client_kwargs=COSMOS) as saver:
            yield cls(conversation, saver)
