"""The container's items: one request each, counted, bounded in time, driver errors translated."""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from azure.core import MatchConditions
from azure.cosmos.aio import ContainerProxy

from shared.models import JsonObject
from shared.store.cosmos.connection import Connection
from shared.store.cosmos.errors import (
    AnswerLostError,
    CollisionError,
    ItemError,
    ItemMissingError,
    NotSentError,
    translated,
)
from shared.usage import count_request

CALL_SECONDS = 12.0  # of one item request with its retries; the SDK's own `timeout` is not enforced on sockets
WRITE_TRIES = 3
ITEM_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:~-]*")  # of sessions and of pages
Result = TypeVar("Result")


async def pause(attempt: int) -> None:
    """Wait a little, longer with each attempt and never as long as the neighbour (full jitter)."""
    await asyncio.sleep(random.uniform(0, min(0.02 * 2**attempt, 0.5)))  # noqa: S311 - jitter, not a secret


def _named(item_id: str) -> str:
    """Return an id that can name an item; the SDK writes ids into its URLs, where `..` and `/` lead elsewhere."""
    if not ITEM_ID.fullmatch(item_id):
        raise ItemMissingError
    return item_id


def _storable(document: JsonObject) -> JsonObject:
    """Return a document whose id can be asked for again; raises ValueError for any other, before anything is sent."""
    if not ITEM_ID.fullmatch(document["id"]):
        message = "not an id that an item may have"
        raise ValueError(message)
    return document


def _count(headers: Mapping[str, Any], _body: object = None) -> None:
    count_request(float(headers.get("x-ms-request-charge") or 0))


class Items:
    """Reads and writes of single items, and queries inside one partition.

    A write is sent once by the SDK (`retry_total=0`: left alone it repeats writes whose answer was
    lost, measured) and repeated here, because each of them is safe to repeat; an ItemError says in
    `repeated` whether an earlier try may have been carried out.
    """

    def __init__(self, connection: Connection) -> None:
        """Use the connection, which opens at the first request."""
        self._connection = connection

    async def read(self, user_id: str, item_id: str) -> JsonObject:
        """Return the item; raises ItemMissingError."""
        return await self._call(
            lambda container: container.read_item(_named(item_id), user_id, response_hook=_count, retry_total=1)
        )

    async def create(self, make: Callable[[], JsonObject]) -> JsonObject:
        """Store a new item, made anew for each try, and return it; raises ItemExistsError."""
        return await self._write(
            lambda container: container.create_item(
                _storable(make()), response_hook=_count, retry_total=0, no_response=False
            )
        )

    async def seal(self, document: JsonObject) -> None:
        """Store a new item whose stored form is of no interest; raises ItemExistsError."""
        await self._write(
            lambda container: container.create_item(document, response_hook=_count, retry_total=0, no_response=True)
        )

    async def patch(
        self, user_id: str, item_id: str, operations: Sequence[JsonObject], where: str, etag: str | None = None
    ) -> JsonObject:
        """Change the item where the predicate holds and return it; raises ItemMissingError, ItemRefusedError."""
        return await self._write(lambda container: _send_patch(container, user_id, item_id, operations, where, etag))

    async def patch_unseen(
        self, user_id: str, item_id: str, operations: Sequence[JsonObject], where: str, etag: str | None = None
    ) -> None:
        """Change the item as `patch` does, without having it sent back."""
        await self._write(
            lambda container: _send_patch(container, user_id, item_id, operations, where, etag, no_response=True)
        )

    async def replace(self, document: JsonObject, etag: str) -> JsonObject:
        """Put a document in its item's place if that still has this etag; raises as `patch` does."""
        return await self._write(
            lambda container: container.replace_item(
                document["id"], document, response_hook=_count, retry_total=0, no_response=False, **_if_match(etag)
            )
        )

    async def delete(self, user_id: str, item_id: str, etag: str | None = None) -> None:
        """Remove the item, if it still has that etag; raises ItemMissingError, ItemRefusedError."""
        await self._write(
            lambda container: container.delete_item(
                _named(item_id), user_id, response_hook=_count, retry_total=0, **_if_match(etag)
            )
        )

    async def query(
        self, user_id: str, sql: str, parameters: Mapping[str, object], at_most: int | None = None
    ) -> list[Any]:
        """Return what the query finds in the owner's partition, at most that many rows."""
        return await self._call(lambda container: _collect(container, sql, parameters, at_most, partition_key=user_id))

    async def query_everywhere(self, sql: str, parameters: Mapping[str, object], at_most: int) -> list[Any]:
        """Return what the query finds in all partitions; for the upkeep, and for links, which name no owner."""
        return await self._call(lambda container: _collect(container, sql, parameters, at_most))

    async def _write(self, send: Callable[[ContainerProxy], Awaitable[Result]]) -> Result:
        repeated = False
        for attempt in range(WRITE_TRIES):
            try:
                return await self._call(send)
            except ItemError as error:
                error.repeated = repeated
                raise
            except (AnswerLostError, NotSentError, CollisionError) as error:
                repeated = repeated or isinstance(error, AnswerLostError)
                if attempt == WRITE_TRIES - 1 or isinstance(error.__cause__, TimeoutError):
                    raise
                await pause(attempt + 1)
        raise AssertionError

    async def _call(self, send: Callable[[ContainerProxy], Awaitable[Result]]) -> Result:
        with translated():
            async with asyncio.timeout(CALL_SECONDS):
                return await send(await self._connection.container())


async def _collect(
    container: ContainerProxy,
    sql: str,
    parameters: Mapping[str, object],
    at_most: int | None,
    **scope: Any,  # noqa: ANN401 - the SDK's
) -> list[Any]:
    named = [{"name": f"@{name}", "value": value} for name, value in parameters.items()]
    rows = container.query_items(
        sql, parameters=named, max_item_count=at_most, response_hook=_count, retry_total=1, **scope
    )
    found: list[Any] = []
    async for row in rows:
        found.append(row)
        if len(found) == at_most:
            break
    return found


async def _send_patch(  # noqa: PLR0913, PLR0917 - what a Patch consists of
    container: ContainerProxy,
    user_id: str,
    item_id: str,
    operations: Sequence[JsonObject],
    where: str,
    etag: str | None = None,
    *,
    no_response: bool = False,
) -> JsonObject:
    return await container.patch_item(
        _named(item_id),
        user_id,
        list(operations),
        filter_predicate=f"FROM c WHERE {where}",
        response_hook=_count,
        retry_total=0,
        no_response=no_response,
        **_if_match(etag),
    )


def _if_match(etag: str | None) -> dict[str, Any]:
    return {} if etag is None else {"etag": etag, "match_condition": MatchConditions.IfNotModified}
