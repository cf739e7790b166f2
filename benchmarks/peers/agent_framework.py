"""Microsoft Agent Framework's own history for Cosmos DB: a document per message, and all of them read before a save."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Self

from typing_extensions import override

from benchmarks.peers.peer import Peer, Place, role


class AgentFramework(Peer):
    """Saves through the provider's own method, which first looks for what is stored already."""

    name: ClassVar[str] = "agent-framework-azure-cosmos"
    container: ClassVar[str] = "agent-framework"
    package: ClassVar[str] = "agent_framework_azure_cosmos"

    def __init__(self, provider: Any, session_id: str) -> None:
        """Work on an opened provider."""
        self._provider, self._session_id = provider, session_id
        self._next = 0

    @override
    @classmethod
    @asynccontextmanager
    async def opened(cls, place: Place, session_id: str) -> AsyncIterator[Self]:
        from agent_framework_azure_cosmos import CosmosHistoryProvider  # noqa: PLC0415 - it may be missing

        async with place.container(cls.container, "/session_id") as container:
            yield cls(CosmosHistoryProvider(container_client=container), session_id)

    @override
    async def add(self, texts: Sequence[str]) -> None:
        from agent_framework import Message  # noqa: PLC0415 - it may be missing

        messages = [Message(role(number), [text]) for number, text in enumerate(texts, self._next)]
        await self._provider.save_messages(self._session_id, messages)
        self._next += len(messages)

    @override
    async def resume(self) -> int:
        return len(await self._provider.get_messages(self._session_id))
