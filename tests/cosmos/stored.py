"""The documents of a session as they lie in the container, read and changed behind the store's back."""

from typing import Any

from azure.cosmos.aio import ContainerProxy

from shared.models import JsonObject, Session


class Stored:
    """The documents of sessions in one container."""

    def __init__(self, container: ContainerProxy) -> None:
        """Use an open container."""
        self.container = container

    async def head(self, session: Session) -> JsonObject:
        """Return the head document."""
        return await self.container.read_item(session.id, session.user_id)

    async def log(self, session: Session) -> JsonObject:
        """Return the log of the head document."""
        log: JsonObject = (await self.head(session))["log"]
        return log

    async def pages(self, session: Session) -> list[JsonObject]:
        """Return all pages of the session, by generation."""
        everything = await self.everything(session.user_id)
        pages = [item for item in everything if item["type"] == "page" and item["session_id"] == session.id]
        return sorted(pages, key=lambda page: page["generation"])

    async def everything(self, user_id: str) -> list[JsonObject]:
        """Return all documents of an owner."""
        return [item async for item in self.container.query_items("SELECT * FROM c", partition_key=user_id)]

    async def set(self, session: Session, item_id: str | None = None, **fields: Any) -> JsonObject:
        """Set fields of the head, or of another document of the session's owner; `__` stands for a step down."""
        operations = [
            {"op": "set", "path": f"/{name.replace('__', '/')}", "value": value} for name, value in fields.items()
        ]
        return await self.container.patch_item(item_id or session.id, session.user_id, operations)

    async def create(self, document: JsonObject) -> None:
        """Create a document."""
        await self.container.create_item(document)

    async def remove(self, session: Session, item_id: str) -> None:
        """Delete a document."""
        await self.container.delete_item(item_id, session.user_id)
