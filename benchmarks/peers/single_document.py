"""The earlier systems' way: a session is one document; read it, append to its list, put it back."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

from azure.cosmos.aio import ContainerProxy
from azure.cosmos.exceptions import CosmosResourceNotFoundError
from typing_extensions import override

from benchmarks.peers.peer import OWNER, Place, Rewriting, role


class SingleDocument(Rewriting):
    """Written here in the shape of the earlier systems' documents; nothing in it notices another writer."""

    name: ClassVar[str] = "single document"
    container: ClassVar[str] = "single-document"

    def __init__(self, container: ContainerProxy, session_id: str) -> None:
        """Work on an opened container."""
        self._container, self._session_id = container, session_id

    @override
    @classmethod
    @asynccontextmanager
    async def opened(cls, place: Place, session_id: str) -> AsyncIterator[Self]:
        async with place.container(cls.container, "/user_id") as container:
            yield cls(container, session_id)

    @override
    async def add(self, texts: Sequence[str]) -> None:
        session = await self._load()
        now = datetime.now(UTC).isoformat()
        messages = session["messages"]
        messages += [_message(role(number), text, now) for number, text in enumerate(texts, len(messages))]
        session |= {"message_count": len(messages), "last_message_at": now, "updated_at": now}
        await self._container.upsert_item(session)

    @override
    async def resume(self) -> int:
        return len((await self._load())["messages"])

    @override
    async def begin(self, session_id: str) -> None:
        self._session_id = session_id

    @override
    async def delete(self) -> None:
        await self._container.delete_item(self._session_id, OWNER)

    @override
    async def listed(self, limit: int) -> int:
        found = self._container.query_items(
            f"SELECT TOP {limit:d} c.id, c.session_name, c.message_count, c.updated_at FROM c"  # noqa: S608 - a number
            " WHERE c.is_active = true ORDER BY c.updated_at DESC",
            partition_key=OWNER,
        )
        return len([session async for session in found])

    async def _load(self) -> dict[str, Any]:
        try:
            return await self._container.read_item(self._session_id, OWNER)
        except CosmosResourceNotFoundError:
            now = datetime.now(UTC).isoformat()
            return {
                "id": self._session_id,
                "user_id": OWNER,
                "session_name": None,
                "is_active": True,
                "context": {},
                "messages": [],
                "message_count": 0,
                "last_message_at": None,
                "created_at": now,
                "updated_at": now,
            }


def _message(message_type: str, text: str, now: str) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "content": text,
        "message_type": message_type,
        "user_id": OWNER,
        "metadata": {},
        "created_at": now,
    }
