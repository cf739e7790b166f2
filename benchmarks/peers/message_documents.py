"""A document per message and a header that counts them: the leanest form of that idea, written here."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

from azure.cosmos.aio import ContainerProxy
from azure.cosmos.exceptions import CosmosResourceExistsError
from typing_extensions import override

from benchmarks.peers.peer import OWNER, Peer, Place, role

BATCH = 100  # operations
NEWEST = 50


class MessageDocuments(Peer):
    """Creates the message and patches the header; a failure in between is not repaired, a repeat is doubled."""

    name: ClassVar[str] = "one document per message"
    container: ClassVar[str] = "message-documents"
    resumes_from: ClassVar[str] = f"the newest {NEWEST}"

    def __init__(self, container: ContainerProxy, session_id: str) -> None:
        """Work on an opened container."""
        self._container, self._session_id = container, session_id

    @override
    @classmethod
    @asynccontextmanager
    async def opened(cls, place: Place, session_id: str) -> AsyncIterator[Self]:
        async with place.container(cls.container, "/user_id") as container:
            header = {"id": session_id, "user_id": OWNER, "type": "session", "message_count": 0, "updated_at": None}
            with suppress(CosmosResourceExistsError):  # opened before, or by another
                await container.create_item(header)
            yield cls(container, session_id)

    @override
    async def add(self, texts: Sequence[str]) -> None:
        now = datetime.now(UTC).isoformat()
        if len(texts) == 1:
            await self._container.create_item(self._message(0, texts[0], now))
        else:
            await self._add_in_batches([self._message(number, text, now) for number, text in enumerate(texts)])
        counted: list[dict[str, Any]] = [
            {"op": "incr", "path": "/message_count", "value": len(texts)},
            {"op": "set", "path": "/updated_at", "value": now},
        ]
        await self._container.patch_item(self._session_id, OWNER, counted)

    async def _add_in_batches(self, messages: Sequence[dict[str, Any]]) -> None:
        for start in range(0, len(messages), BATCH):
            operations = [("create", (message,)) for message in messages[start : start + BATCH]]
            await self._container.execute_item_batch(operations, OWNER)

    def _message(self, number: int, text: str, now: str) -> dict[str, Any]:
        return {
            "id": str(uuid.uuid4()),
            "user_id": OWNER,
            "type": "message",
            "session_id": self._session_id,
            "role": role(number),
            "content": text,
            "created_at": now,
        }

    @override
    async def resume(self) -> int:
        newest = self._container.query_items(
            f"SELECT TOP {NEWEST} c.id, c.role, c.content, c.created_at FROM c"  # noqa: S608 - a constant
            " WHERE c.type = 'message' AND c.session_id = @session_id ORDER BY c.created_at DESC",
            parameters=[{"name": "@session_id", "value": self._session_id}],
            partition_key=OWNER,
        )
        return len([message async for message in newest])
