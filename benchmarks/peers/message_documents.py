"""A document per message and a header that counts them: the leanest form of that idea, written here."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self

from azure.cosmos.aio import ContainerProxy
from azure.cosmos.exceptions import CosmosResourceExistsError
from typing_extensions import override

from benchmarks.peers.peer import OWNER, Chatting, Place, role

BATCH = 100  # operations
NEWEST = 50


class MessageDocuments(Chatting):
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
            opened = cls(container, session_id)
            await opened.begin(session_id)
            yield opened

    @override
    async def add(self, texts: Sequence[str]) -> None:
        start = datetime.now(UTC)
        times = [(start + timedelta(microseconds=number)).isoformat() for number in range(len(texts))]
        messages = [self._message(number, *pair) for number, pair in enumerate(zip(texts, times, strict=True))]
        if len(messages) == 1:
            await self._container.create_item(messages[0])
        else:
            await self._add_in_batches(messages)
        counted: list[dict[str, Any]] = [
            {"op": "incr", "path": "/message_count", "value": len(texts)},
            {"op": "set", "path": "/updated_at", "value": times[-1]},
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
    async def begin(self, session_id: str) -> None:
        self._session_id = session_id
        now = datetime.now(UTC).isoformat()
        header = {"id": session_id, "user_id": OWNER, "type": "session", "message_count": 0, "updated_at": now}
        with suppress(CosmosResourceExistsError):  # opened before, or by another
            await self._container.create_item(header)

    @override
    async def resume(self) -> int:
        return await self.newest(NEWEST)

    @override
    async def newest(self, limit: int) -> int:
        return len(await self._page(limit, None))

    @override
    async def back(self, pages: int, size: int) -> int:
        read, before = 0, None
        for _ in range(pages):
            page = await self._page(size, before)
            read, before = read + len(page), page[-1]["created_at"]
        return read

    async def _page(self, limit: int, before: str | None) -> list[dict[str, Any]]:
        """Return a page of messages; of two writers' at the same microsecond one may be left out between pages."""
        found = self._container.query_items(
            f"SELECT TOP {limit:d} c.id, c.role, c.content, c.created_at FROM c"  # noqa: S608 - a number
            " WHERE c.type = 'message' AND c.session_id = @session_id"
            f"{' AND c.created_at < @before' if before else ''} ORDER BY c.created_at DESC",
            parameters=[{"name": "@session_id", "value": self._session_id}, {"name": "@before", "value": before}],
            partition_key=OWNER,
        )
        return [message async for message in found]

    @override
    async def delete(self) -> None:
        found = self._container.query_items(
            "SELECT VALUE c.id FROM c WHERE c.type = 'message' AND c.session_id = @session_id",
            parameters=[{"name": "@session_id", "value": self._session_id}],
            partition_key=OWNER,
        )
        ids = [message_id async for message_id in found]
        for start in range(0, len(ids), BATCH):
            operations = [("delete", (message_id,)) for message_id in ids[start : start + BATCH]]
            await self._container.execute_item_batch(operations, OWNER)
        await self._container.delete_item(self._session_id, OWNER)

    @override
    async def listed(self, limit: int) -> int:
        found = self._container.query_items(
            f"SELECT TOP {limit:d} c.id, c.message_count, c.updated_at FROM c"  # noqa: S608 - a number
            " WHERE c.type = 'session' ORDER BY c.updated_at DESC",
            partition_key=OWNER,
        )
        return len([session async for session in found])
