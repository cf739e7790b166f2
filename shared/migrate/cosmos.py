"""Containers of earlier systems in Cosmos DB: read whole, document by document, and emptied of what was moved."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from azure.core import MatchConditions
from azure.core.exceptions import AzureError
from azure.cosmos import exceptions
from azure.cosmos.aio import ContainerProxy, CosmosClient
from azure.cosmos.http_constants import SubStatusCodes
from azure.cosmos.partition_key import NonePartitionKeyValue, NullPartitionKeyValue

from shared.migrate.options import Options
from shared.migrate.record import Broken, MigrationError, Record, UsageError
from shared.secrecy import holds_secret
from shared.settings import Settings
from shared.store.cosmos.client import make_client

PAGE_DOCUMENTS = 500
HERE = "cosmos:"
NAMED = "a container is named https://ACCOUNT.documents.azure.com/DATABASE/CONTAINER"
BEHIND_TRIES, BEHIND_SECONDS = 5, 0.1  # for a replica that has not caught up; each pause is twice the one before
BEHIND = "a replica of the source is behind and did not catch up"
PATH_NAME = re.compile(r'"([^"]*)"|([^/"]+)')  # of a partition key's path, which quotes names that need it


@dataclass(frozen=True, slots=True)
class ContainerAddress:
    """A container, and how to get there; without a key as the signed-in identity."""

    endpoint: str
    database: str
    container: str
    key: str | None
    emulator: bool


def cosmos_origin(place: str, options: Options) -> "CosmosOrigin":
    """Return the container that INPUT names.

    `https://ACCOUNT.documents.azure.com/DATABASE/CONTAINER`, or `cosmos:DATABASE/CONTAINER` in the account of the
    settings. Raises UsageError for the very container that is imported into.
    """
    settings = options.settings
    if place.startswith(HERE):
        if not settings.cosmos_endpoint:
            raise UsageError(f"{HERE}DATABASE/CONTAINER is in the account of COSMOS_ENDPOINT, which is not set")
        endpoint, path = settings.cosmos_endpoint, place.removeprefix(HERE)
    else:
        endpoint, path = _address(place)
    return CosmosOrigin(_container(endpoint, path, options))


def _address(place: str) -> tuple[str, str]:
    """Return the account's address and the path in it; neither a user nor a key may stand beside them."""
    try:
        parts = urlsplit(place)
    except ValueError:
        raise UsageError(NAMED) from None
    if "@" in parts.netloc or parts.query or parts.fragment or holds_secret(place):
        raise UsageError(f"{NAMED}; its key is read from --source-key-file")
    return f"{parts.scheme}://{parts.netloc}", parts.path


def _key_in(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise UsageError(f"--source-key-file takes the name of a file, which cannot be read: {reason}") from None


def _container(endpoint: str, path: str, options: Options) -> ContainerAddress:
    settings = options.settings
    names = [unquote(name) for name in path.strip("/").split("/")]
    if len(names) != 2 or not all(names):  # noqa: PLR2004 - a database and a container
        raise UsageError(NAMED)
    own = _is_own_account(endpoint, settings)
    if settings.store == "cosmos" and own and names == [settings.cosmos_database, settings.cosmos_container]:
        raise UsageError("that container is the one to import into")
    file = options.source_key_file
    key = _key_in(file) if file else (settings.cosmos_key if own else None)
    emulator = endpoint.startswith("http://") or (own and settings.cosmos_emulator)
    return ContainerAddress(endpoint, names[0], names[1], key, emulator=emulator)


def _is_own_account(endpoint: str, settings: Settings) -> bool:
    return endpoint.rstrip("/").lower() == (settings.cosmos_endpoint or "").rstrip("/").lower()


class CosmosOrigin:
    """One container; a record's line is its place among those that come."""

    def __init__(self, address: ContainerAddress) -> None:
        """Remember where it is; nothing is sent before the first record is asked for."""
        self._address = address
        self._client: CosmosClient | None = None
        self._credential: Any = None
        self._paths: list[str] = []

    async def records(self) -> AsyncIterator[Record | Broken]:
        """Return every document."""
        with _translated():
            container = await self._container()
            self._paths = (await container.read())["partitionKey"]["paths"]
            documents = container.query_items("SELECT * FROM c", max_item_count=PAGE_DOCUMENTS)
            place = 0
            async for document in documents:
                place += 1
                yield Record(place, document)

    async def remove(self, record: Record) -> bool:
        """Remove a document that is still exactly what was read, by its etag; return whether it is gone."""
        with _translated():
            for attempt in range(BEHIND_TRIES):
                try:
                    await self._delete(record.value)
                except exceptions.CosmosResourceNotFoundError as error:
                    if not _is_behind(error):
                        return _is_gone(error)
                    await asyncio.sleep(BEHIND_SECONDS * 2**attempt)
                except exceptions.CosmosAccessConditionFailedError:
                    return False
                else:
                    return True
        raise MigrationError(BEHIND)

    async def _delete(self, document: dict[str, Any]) -> None:
        container = await self._container()
        await container.delete_item(
            document["id"],
            partition_key=self._partition_of(document),
            etag=document["_etag"],
            match_condition=MatchConditions.IfNotModified,
        )

    async def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            await self._client.close()
        if self._credential is not None:
            await self._credential.close()

    async def _container(self) -> ContainerProxy:
        if self._client is None:
            from azure.core.pipeline.transport import AioHttpTransport  # noqa: PLC0415 - loaded lazily by azure.core too

            self._client = make_client(
                self._address.endpoint,
                self._address.key or self._identity(),
                emulator=self._address.emulator,
                transport=AioHttpTransport,
            )
            await self._client.__aenter__()
        return self._client.get_database_client(self._address.database).get_container_client(self._address.container)

    def _identity(self) -> Any:  # noqa: ANN401 - a type that is imported only when it is used
        from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415 - not everybody's way in

        self._credential = DefaultAzureCredential()
        return self._credential

    def _partition_of(self, document: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever the system has partitioned by
        values = [_value_at(document, path) for path in self._paths]
        return values if len(values) > 1 else values[0]


def _value_at(document: Any, path: str) -> Any:  # noqa: ANN401 - a value somewhere in a document
    for quoted, plain in PATH_NAME.findall(path):
        name = quoted or plain
        if not isinstance(document, dict) or name not in document:
            return NonePartitionKeyValue
        document = document[name]
    return NullPartitionKeyValue if document is None else document


def _is_behind(error: exceptions.CosmosHttpResponseError) -> bool:
    """Return whether a replica says only that it has not seen yet what this client has: that is never "missing"."""
    behind = SubStatusCodes.READ_SESSION_NOTAVAILABLE
    return error.status_code == HTTPStatus.NOT_FOUND and error.sub_status == behind


def _is_gone(error: exceptions.CosmosHttpResponseError) -> bool:
    """Return that the document is not there; what a 404 says of anything else is raised."""
    if error.sub_status not in {None, SubStatusCodes.UNKNOWN}:
        raise error
    return True


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except exceptions.CosmosHttpResponseError as error:
        if _is_behind(error):
            raise MigrationError(BEHIND) from error
        if error.status_code == HTTPStatus.NOT_FOUND:
            raise MigrationError("the source has no such database or container") from error
        raise MigrationError(f"the source refuses: status {error.status_code}") from error
    except (AzureError, TimeoutError, OSError) as error:
        raise MigrationError("the source does not answer") from error
