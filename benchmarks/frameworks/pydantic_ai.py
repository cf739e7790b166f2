"""pydantic-ai's conversation store in Parley."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar, Self

from parley_client.pydantic_ai import ParleyConversationStore
from pydantic_ai import Conversation
from pydantic_ai.messages import ModelMessage
from typing_extensions import override

from benchmarks.frameworks.pydantic_ai_messages import Messages
from benchmarks.frameworks.side import OWNER


class Adapter(Messages):
    """`parley_client.pydantic_ai`; a save depends on what was read."""

    grows_by: ClassVar[int] = 20

    def __init__(self, conversation: str) -> None:
        """Begin a conversation that is not read yet."""
        self._store = ParleyConversationStore(user=OWNER)
        self._conversation = Conversation(conversation_id=conversation)

    @override
    @classmethod
    @asynccontextmanager
    async def opened(cls, conversation: str) -> AsyncIterator[Self]:
        yield cls(conversation)

    @override
    async def read(self) -> list[ModelMessage]:
        self._conversation = await self._store.load(self._conversation.conversation_id) or self._conversation
        return list(self._conversation.messages)

    @override
    async def add(self, messages: Sequence[ModelMessage]) -> None:
        self._conversation.messages.extend(messages)
        await self._store.save(self._conversation)
