"""LangChain's own history for Cosmos DB, as its package has it: the whole session is written with every message."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Self

from typing_extensions import override

from benchmarks.peers.peer import OWNER, Place, Rewriting, role

logging.getLogger("langchain_azure_cosmosdb").addHandler(logging.NullHandler())  # refusals are counted, not printed


class LangChain(Rewriting):
    """Holds the session in memory, so an append reads nothing; a process that has not loaded it must resume first."""

    name: ClassVar[str] = "langchain-azure-cosmosdb"
    container: ClassVar[str] = "langchain"
    package: ClassVar[str] = "langchain_azure_cosmosdb"
    lists: ClassVar[bool] = False  # it has no such call

    def __init__(self, history: Any) -> None:
        """Work on an opened history."""
        self._history = history

    @override
    @classmethod
    @asynccontextmanager
    async def opened(cls, place: Place, session_id: str) -> AsyncIterator[Self]:
        from langchain_azure_cosmosdb import AsyncCosmosDBChatMessageHistory  # noqa: PLC0415 - it may be missing

        history = AsyncCosmosDBChatMessageHistory(
            place.endpoint,
            place.database,
            cls.container,
            session_id,
            OWNER,
            credential=place.key,
            cosmos_client_kwargs={"enable_endpoint_discovery": False},
        )
        async with history._client:  # noqa: SLF001 - leaving the history itself would write the session once more
            await history.prepare_cosmos()
            yield cls(history)

    @override
    async def add(self, texts: Sequence[str]) -> None:
        from langchain_core.messages import AIMessage, HumanMessage  # noqa: PLC0415 - it may be missing

        kinds = {"user": HumanMessage, "assistant": AIMessage}
        start = len(self._history.messages)
        await self._history.aadd_messages([kinds[role(number)](text) for number, text in enumerate(texts, start)])

    @override
    async def resume(self) -> int:
        await self._history.load_messages()
        return len(self._history.messages)

    @override
    async def begin(self, session_id: str) -> None:
        """Do what making another history does, without another client."""
        self._history.session_id, self._history.messages = session_id, []
        self._history._loaded_count, self._history._etag = 0, None  # noqa: SLF001 - as its __init__ does

    @override
    async def delete(self) -> None:
        await self._history.aclear()
