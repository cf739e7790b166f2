"""Queries over all partitions, through the plan the SDK asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.cosmos import PartitionKey
from azure.cosmos.exceptions import CosmosHttpResponseError

if TYPE_CHECKING:
    from azure.cosmos.aio import ContainerProxy, DatabaseProxy

    from .raw import RawContainer


@pytest.fixture
async def filled(database: DatabaseProxy) -> ContainerProxy:
    policy = {
        "includedPaths": [{"path": "/*"}],
        "excludedPaths": [],
        "compositeIndexes": [[{"path": "/parity"}, {"path": "/n", "order": "descending"}]],
    }
    container = await database.create_container("items", PartitionKey("/user_id"), indexing_policy=policy)
    for n in range(1, 7):
        await container.create_item({"id": f"i{n}", "user_id": f"u{n % 3}", "n": n, "parity": n % 2})
    return container


@pytest.mark.parametrize(
    ("query", "results"),
    [
        ("SELECT VALUE c.id FROM c WHERE c.n > 4", ["i5", "i6"]),
        ("SELECT VALUE c.n FROM c ORDER BY c.n DESC", [6, 5, 4, 3, 2, 1]),
        (
            "SELECT c.id, c.n AS number FROM c WHERE c.n < 3 ORDER BY c.n",
            [{"id": "i1", "number": 1}, {"id": "i2", "number": 2}],
        ),
        ("SELECT TOP 2 VALUE c.n FROM c ORDER BY c.n", [1, 2]),
        ("SELECT TOP @two VALUE c.n FROM c WHERE c.n > @two ORDER BY c.n", [3, 4]),
        ("SELECT TOP 3 VALUE c.n FROM c", [1, 2, 3]),
        ("SELECT VALUE c.n FROM c ORDER BY c.n OFFSET 1 LIMIT 2", [2, 3]),
        ("SELECT VALUE c.n FROM c ORDER BY c.parity, c.n DESC", [6, 4, 2, 5, 3, 1]),
        ("SELECT VALUE COUNT(1) FROM c", [6]),
        ("SELECT VALUE COUNT(1) FROM c WHERE c.n > @two", [4]),
        ("SELECT VALUE SUM(c.n) FROM c", [21]),
        ("SELECT VALUE MAX(c.n) FROM c", [6]),
        ("SELECT DISTINCT VALUE c.parity FROM c", [1, 0]),
    ],
)
async def test_a_query_reaches_all_partitions(filled: ContainerProxy, query: str, results: list[Any]) -> None:
    parameters = [{"name": "@two", "value": 2}]

    assert [found async for found in filled.query_items(query, parameters=parameters)] == results


async def test_whole_items_come_in_order(filled: ContainerProxy) -> None:
    found = [item async for item in filled.query_items("SELECT * FROM c ORDER BY c.n DESC")]

    assert [item["n"] for item in found] == [6, 5, 4, 3, 2, 1]
    assert found[0] == await filled.read_item("i6", "u0")


async def test_small_pages_give_the_same_results(filled: ContainerProxy) -> None:
    found = filled.query_items("SELECT VALUE c.n FROM c ORDER BY c.n", max_item_count=1)

    assert [n async for n in found] == [1, 2, 3, 4, 5, 6]


async def test_an_order_without_an_index_is_400_here_too(filled: ContainerProxy) -> None:
    with pytest.raises(CosmosHttpResponseError) as refusal:
        _ = [found async for found in filled.query_items("SELECT * FROM c ORDER BY c.n, c.parity")]

    assert refusal.value.status_code == 400


async def test_a_query_that_does_not_say_it_crosses_partitions_is_400(raw: RawContainer) -> None:
    address = raw.address
    async with raw.http.post(
        address, json={"query": "SELECT * FROM c"}, headers={"Content-Type": "application/query+json"}
    ) as answer:
        assert answer.status == 400


async def test_a_gateway_does_not_order_over_all_partitions_without_a_plan(raw: RawContainer) -> None:
    headers = {"Content-Type": "application/query+json", "x-ms-documentdb-query-enablecrosspartition": "True"}
    async with raw.http.post(raw.address, json={"query": "SELECT * FROM c ORDER BY c.n"}, headers=headers) as answer:
        assert (answer.status, answer.headers["x-ms-substatus"]) == (400, "1004")
