"""Parley, seen the way its neighbours are."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import ClassVar, Self

from typing_extensions import override

from benchmarks.peers.peer import OWNER, Peer, Place, role
from benchmarks.stage import default_settings
from shared.errors import SessionExistsError
from shared.models import MAX_MESSAGES_PER_REQUEST, MessageInput, SessionInput
from shared.service import ChatService
from shared.store.cosmos import CosmosStore

NEWEST = 50


class Parley(Peer):
    """The service on its Cosmos DB store."""

    name: ClassVar[str] = "Parley"
    container: ClassVar[str] = "parley"
    resumes_from: ClassVar[str] = f"the newest {NEWEST}"

    def __init__(self, chat: ChatService, session_id: str) -> None:
        """Work on an opened service."""
        self._chat, self._session_id = chat, session_id

    @override
    @classmethod
    @asynccontextmanager
    async def opened(cls, place: Place, session_id: str) -> AsyncIterator[Self]:
        store = CosmosStore(place.endpoint, place.key, place.database, cls.container, emulator=True)
        try:
            chat = ChatService(store, default_settings())
            with suppress(SessionExistsError):
                await chat.create_session(OWNER, SessionInput(id=session_id))
            yield cls(chat, session_id)
        finally:
            await store.close()

    @override
    async def add(self, texts: Sequence[str]) -> None:
        messages = [MessageInput(role=role(number), content=text) for number, text in enumerate(texts)]
        for start in range(0, len(messages), MAX_MESSAGES_PER_REQUEST):
            await self._chat.append(OWNER, self._session_id, messages[start : start + MAX_MESSAGES_PER_REQUEST])

    @override
    async def resume(self) -> int:
        _, page = await self._chat.store.read(OWNER, self._session_id, NEWEST)
        return len(page.messages)
