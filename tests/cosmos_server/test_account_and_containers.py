"""Accounts, databases, containers and partition ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest
from azure.cosmos import PartitionKey
from azure.cosmos.exceptions import CosmosHttpResponseError, CosmosResourceExistsError, CosmosResourceNotFoundError

if TYPE_CHECKING:
    from azure.cosmos.aio import ContainerProxy, CosmosClient, DatabaseProxy

    from .launch import CosmosServer


async def test_a_created_database_is_listed(client: CosmosClient, database: DatabaseProxy) -> None:
    names = [properties["id"] async for properties in client.list_databases()]

    assert database.id in names


async def test_creating_a_database_twice_is_a_conflict(client: CosmosClient, database: DatabaseProxy) -> None:
    with pytest.raises(CosmosResourceExistsError):
        await client.create_database(database.id)


async def test_creating_a_container_twice_is_a_conflict(database: DatabaseProxy, container: ContainerProxy) -> None:
    with pytest.raises(CosmosResourceExistsError):
        await database.create_container(container.id, PartitionKey("/user_id"))


async def test_create_if_not_exists_is_content_with_what_is_there(
    database: DatabaseProxy, container: ContainerProxy
) -> None:
    await container.create_item({"id": "1", "user_id": "u"})

    again = await database.create_container_if_not_exists(container.id, PartitionKey("/user_id"))

    assert (await again.read_item("1", "u"))["id"] == "1"


async def test_a_container_keeps_its_settings(database: DatabaseProxy) -> None:
    policy = {"indexingMode": "consistent", "includedPaths": [{"path": "/a/?"}], "excludedPaths": [{"path": "/*"}]}

    made = await database.create_container("own", PartitionKey("/user_id"), default_ttl=60, indexing_policy=policy)
    properties = await made.read()

    assert properties["defaultTtl"] == 60
    assert properties["indexingPolicy"] == policy
    assert properties["partitionKey"]["paths"] == ["/user_id"]


async def test_a_container_without_a_policy_indexes_everything(container: ContainerProxy) -> None:
    policy = (await container.read())["indexingPolicy"]

    assert policy["includedPaths"] == [{"path": "/*"}]


async def test_a_containers_ttl_can_be_replaced(database: DatabaseProxy, container: ContainerProxy) -> None:
    await database.replace_container(container, PartitionKey("/user_id"), default_ttl=5)

    assert (await container.read())["defaultTtl"] == 5


async def test_the_partition_key_of_a_container_cannot_be_replaced(
    database: DatabaseProxy, container: ContainerProxy
) -> None:
    with pytest.raises(CosmosHttpResponseError) as refusal:
        await database.replace_container(container, PartitionKey("/other"))

    assert refusal.value.status_code == 400


async def test_a_deleted_container_takes_its_items_with_it(database: DatabaseProxy, container: ContainerProxy) -> None:
    await container.create_item({"id": "1", "user_id": "u"})
    await database.delete_container(container.id)

    anew = await database.create_container(container.id, PartitionKey("/user_id"))

    with pytest.raises(CosmosResourceNotFoundError):
        await anew.read_item("1", "u")


async def test_a_missing_container_is_404_without_a_sub_status(database: DatabaseProxy) -> None:
    with pytest.raises(CosmosResourceNotFoundError) as refusal:
        await database.get_container_client("nowhere").read()

    assert not refusal.value.sub_status


async def test_an_item_request_to_a_missing_container_says_the_owner_is_missing(server: CosmosServer) -> None:
    headers = {"x-ms-documentdb-partitionkey": '["u"]'}
    async with aiohttp.ClientSession() as http:
        answer = await http.get(f"{server.endpoint}/dbs/no/colls/no/docs/1", headers=headers)

    assert (answer.status, answer.headers["x-ms-substatus"]) == (404, "1003")


async def test_partition_ranges_read_again_with_their_etag_are_not_modified(
    server: CosmosServer, database: DatabaseProxy, container: ContainerProxy
) -> None:
    address = f"{server.endpoint}/dbs/{database.id}/colls/{container.id}/pkranges"
    async with aiohttp.ClientSession() as http:
        first = await http.get(address)
        again = await http.get(address, headers={"If-None-Match": first.headers["etag"]})
        ranges = (await first.json())["PartitionKeyRanges"]

    assert [(r["minInclusive"], r["maxExclusive"]) for r in ranges] == [("", "FF")]
    assert again.status == 304


async def test_a_client_that_knew_a_container_finds_the_one_made_in_its_place(
    database: DatabaseProxy, container: ContainerProxy, server: CosmosServer
) -> None:
    await container.create_item({"id": "1", "user_id": "u"})
    async with aiohttp.ClientSession() as http:
        await http.delete(f"{server.endpoint}/dbs/{database.id}/colls/{container.id}")
        body = {"id": container.id, "partitionKey": {"paths": ["/user_id"], "kind": "Hash", "version": 2}}
        await http.post(f"{server.endpoint}/dbs/{database.id}/colls", json=body)

    made = await container.create_item({"id": "2", "user_id": "u"})

    assert made["id"] == "2"
