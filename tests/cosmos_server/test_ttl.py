"""Time to live (learn: cosmos-db/time-to-live)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.cosmos import PartitionKey
from azure.cosmos.exceptions import CosmosHttpResponseError, CosmosResourceNotFoundError

if TYPE_CHECKING:
    from azure.cosmos.aio import ContainerProxy, DatabaseProxy

    from .launch import CosmosServer


def item(**fields: Any) -> dict[str, Any]:
    return {"id": "1", "user_id": "u", **fields}


async def ids(container: ContainerProxy) -> list[str]:
    return [found async for found in container.query_items("SELECT VALUE c.id FROM c", partition_key="u")]


async def test_an_expired_item_is_gone_for_reads_and_patches(server: CosmosServer, container: ContainerProxy) -> None:
    await container.create_item(item(ttl=10))

    server.advance(10)

    with pytest.raises(CosmosResourceNotFoundError):
        await container.read_item("1", "u")
    with pytest.raises(CosmosResourceNotFoundError):
        await container.patch_item("1", "u", [{"op": "set", "path": "/ttl", "value": -1}])


async def test_an_expired_item_is_gone_for_queries_and_listings(
    server: CosmosServer, database: DatabaseProxy, container: ContainerProxy
) -> None:
    await container.create_item(item(ttl=10))

    server.advance(10)

    assert await ids(container) == []
    assert server.items(database.id, container.id) == []


async def test_an_item_lives_until_its_last_second(server: CosmosServer, container: ContainerProxy) -> None:
    await container.create_item(item(ttl=10))

    server.advance(8)

    assert await ids(container) == ["1"]


async def test_an_expired_items_place_is_free(server: CosmosServer, container: ContainerProxy) -> None:
    old = await container.create_item(item(ttl=10))
    server.advance(10)

    anew = await container.create_item(item())

    assert anew["_rid"] != old["_rid"]


async def test_any_write_restarts_the_clock(server: CosmosServer, container: ContainerProxy) -> None:
    await container.create_item(item(ttl=10))
    server.advance(6)
    await container.patch_item("1", "u", [{"op": "set", "path": "/n", "value": 1}])

    server.advance(6)

    assert await ids(container) == ["1"]


async def test_the_ttl_of_an_item_can_be_patched(server: CosmosServer, container: ContainerProxy) -> None:
    await container.create_item(item(ttl=10))
    await container.patch_item("1", "u", [{"op": "set", "path": "/ttl", "value": -1}])

    server.advance(1000)

    assert await ids(container) == ["1"]


async def test_without_a_ttl_an_item_lives_by_the_containers_default(
    server: CosmosServer, database: DatabaseProxy
) -> None:
    container = await database.create_container("short", PartitionKey("/user_id"), default_ttl=5)
    await container.create_item(item())
    await container.create_item(item(id="kept", ttl=-1))

    server.advance(5)

    assert await ids(container) == ["kept"]


async def test_a_ttl_means_nothing_where_the_container_has_no_default(
    server: CosmosServer, database: DatabaseProxy
) -> None:
    container = await database.create_container("off", PartitionKey("/user_id"))
    await container.create_item(item(ttl=5))

    server.advance(1000)

    assert await ids(container) == ["1"]


@pytest.mark.parametrize("ttl", [0, -2, 1.5, None, "10", True, 2**31])
async def test_a_ttl_that_is_no_positive_integer_is_refused(container: ContainerProxy, ttl: Any) -> None:
    with pytest.raises(CosmosHttpResponseError) as refusal:
        await container.create_item(item(ttl=ttl))

    assert refusal.value.status_code == 400


async def test_the_longest_ttl_is_accepted(container: ContainerProxy) -> None:
    made = await container.create_item(item(ttl=2**31 - 1))

    assert made["ttl"] == 2**31 - 1


async def test_a_patch_to_a_bad_ttl_changes_nothing(container: ContainerProxy) -> None:
    await container.create_item(item(ttl=10))

    with pytest.raises(CosmosHttpResponseError) as refusal:
        await container.patch_item("1", "u", [{"op": "set", "path": "/ttl", "value": 0}])

    assert refusal.value.status_code == 400
    assert (await container.read_item("1", "u"))["ttl"] == 10


async def test_the_clock_of_later_writes_is_advanced_too(server: CosmosServer, container: ContainerProxy) -> None:
    before = (await container.create_item(item()))["_ts"]

    server.advance(100)

    assert (await container.upsert_item(item()))["_ts"] >= before + 100
