"""Transactional batch (learn: cosmos-db/transactional-batch)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.cosmos.exceptions import CosmosBatchOperationError, CosmosHttpResponseError

if TYPE_CHECKING:
    from azure.cosmos.aio import ContainerProxy

    from .launch import CosmosServer


def item(name: str, **fields: Any) -> dict[str, Any]:
    return {"id": name, "user_id": "u", **fields}


INCREMENT = [{"op": "incr", "path": "/n", "value": 1}]


async def test_a_batch_runs_every_kind_of_operation(container: ContainerProxy) -> None:
    for name in ("old", "replaced", "patched", "read"):
        await container.create_item(item(name, n=1))

    results = await container.execute_item_batch(
        [
            ("create", (item("new"),)),
            ("upsert", (item("upserted"),)),
            ("replace", ("replaced", item("replaced", n=2))),
            ("patch", ("patched", INCREMENT), {"filter_predicate": "FROM c WHERE c.n = 1"}),
            ("read", ("read",)),
            ("delete", ("old",)),
        ],
        partition_key="u",
    )

    assert [r["statusCode"] for r in results] == [201, 201, 200, 200, 200, 204]
    assert (await container.read_item("patched", "u"))["n"] == 2
    assert results[4]["resourceBody"]["id"] == "read"
    assert results[0]["eTag"]


@pytest.mark.parametrize(
    ("culprit", "status"),
    [
        (("create", (item("there"),)), 409),
        (("read", ("missing",)), 404),
        (("patch", ("there", INCREMENT), {"filter_predicate": "FROM c WHERE c.n = 9"}), 412),
        (("replace", ("there", item("there")), {"if_match_etag": '"old"'}), 412),
        (("create", (item("elsewhere") | {"user_id": "v"},)), 400),
    ],
)
async def test_a_batch_that_fails_changes_nothing(
    server: CosmosServer, container: ContainerProxy, database: Any, culprit: Any, status: int
) -> None:
    await container.create_item(item("there", n=1))
    before = server.items(database.id, container.id)

    with pytest.raises(CosmosBatchOperationError) as failure:
        await container.execute_item_batch(
            [
                ("create", (item("new"),)),
                ("delete", ("there",)),
                ("create", (item("there"),)),
                culprit,
                ("create", (item("never"),)),
            ],
            partition_key="u",
        )

    assert [r["statusCode"] for r in failure.value.operation_responses] == [424, 424, 424, status, 424]
    assert server.items(database.id, container.id) == before


async def test_a_batch_of_100_operations_runs_and_of_101_is_400(container: ContainerProxy) -> None:
    operations = [("upsert", (item(str(n)),)) for n in range(101)]
    results = await container.execute_item_batch(operations[:100], partition_key="u")

    with pytest.raises(CosmosHttpResponseError) as refusal:
        await container.execute_item_batch(operations, partition_key="u")

    assert len(results) == 100
    assert refusal.value.status_code == 400
