"""Containers as people make them by hand, and what is wrong with each."""

from typing import Any

from azure.cosmos import PartitionKey
from azure.cosmos.aio import DatabaseProxy

from shared.store.cosmos.schema import DEFAULT_TTL, INDEXING_POLICY

RIGHT: dict[str, Any] = {
    "partition_key": PartitionKey("/user_id"),
    "default_ttl": DEFAULT_TTL,
    "indexing_policy": INDEXING_POLICY,
}
MENDABLE = [
    ({"default_ttl": None}, "time to live switched off"),
    ({"default_ttl": 3600}, "expire after 3600 seconds"),
    ({"indexing_policy": None}, "no composite index over /last_activity_at, /id"),
]
UNUSABLE = [
    *MENDABLE,
    ({"partition_key": PartitionKey("/id")}, "partitioned by /id, not by /user_id"),
    (None, "is missing"),
]


async def make(database: DatabaseProxy, changed: dict[str, Any] | None) -> None:
    """Make the container as somebody does by hand, or leave it missing."""
    if changed is not None:
        await database.create_container("sessions", **{**RIGHT, **changed})
