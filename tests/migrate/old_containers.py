"""Containers of earlier systems on the tests' Cosmos DB, and how the command line names them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, CosmosClient

from shared.migrate.report import ImportReport
from shared.store.port import SessionStore
from tests.conftest import CosmosPlace

from .importing import import_from, source_by


@dataclass
class FilledContainer:
    """A container that a system has left."""

    address: str
    key_file: Path
    container: ContainerProxy

    async def move(self, name: str, store: SessionStore, **options: Any) -> ImportReport:
        """Import from it as this source."""
        source = source_by(name, source_key_file=self.key_file)
        return await import_from(store, source, source.origin(self.address), **options)

    async def documents(self) -> list[dict[str, Any]]:
        """Return what is in it, as an export has it."""
        return [document async for document in self.container.query_items("SELECT * FROM c")]


@asynccontextmanager
async def filled_container(
    place: CosmosPlace, tmp_path: Path, partition: str, documents: Sequence[dict[str, Any]]
) -> AsyncIterator[FilledContainer]:
    """Make a container partitioned like this, with these documents, for as long as a test needs it."""
    name, key_file = f"old-{uuid4().hex}", tmp_path / "key"
    key_file.write_text(place.key or "")
    async with CosmosClient(place.endpoint, place.key or "", enable_endpoint_discovery=False) as client:
        database = await client.create_database_if_not_exists(place.database)
        container = await database.create_container(name, PartitionKey(partition))
        for document in documents:
            await container.upsert_item(document)
        yield FilledContainer(f"{place.endpoint}/{place.database}/{name}", key_file, container)
        await database.delete_container(name)


def documents_in(lines: Sequence[str], read: Any) -> list[dict[str, Any]]:
    """Return the documents of an export whose ids a container takes."""
    found = [read(line) for line in lines if line.startswith("{") and line.endswith("}")]
    return [document for document in found if "/" not in document["id"]]
