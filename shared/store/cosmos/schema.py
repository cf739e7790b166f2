"""The container that Parley needs, and what another one lacks of it."""

from collections.abc import Mapping, Sequence
from typing import Any

PARTITION_KEY = "/user_id"
# Time to live is on and nothing expires by default: https://learn.microsoft.com/azure/cosmos-db/nosql/time-to-live
DEFAULT_TTL = -1

# Only what queries filter or sort by: an append then pays for no index of the text it stores.
INDEXED = (
    "user_id",
    "id",
    "type",
    "status",
    "channel",
    "tags/[]",
    "pinned",
    "session_name",
    "pending",
    "last_activity_at",
    "session_id",
    "epoch",
    "generation",
    "first_seq",
    "shares/[]/token_hash",
)

INDEXING_POLICY: dict[str, Any] = {
    "indexingMode": "consistent",
    "automatic": True,
    "includedPaths": [{"path": f"/{path}/?"} for path in INDEXED],
    "excludedPaths": [{"path": "/*"}, {"path": '/"_etag"/?'}],
    "compositeIndexes": [
        [{"path": "/last_activity_at", "order": "descending"}, {"path": "/id", "order": "descending"}],
        [
            {"path": f"/{path}", "order": "ascending"}
            for path in ("type", "status", "pinned", "last_activity_at", "user_id", "id")
        ],
    ],
}


def partition_fault(found: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the partition key of a container as it was read: nobody can change that."""
    paths = (found.get("partitionKey") or {}).get("paths") or []
    return None if paths == [PARTITION_KEY] else f"is partitioned by {', '.join(paths)}, not by {PARTITION_KEY}"


def lacks(found: Mapping[str, Any]) -> list[str]:
    """Return what else a container lacks without which Parley does not work; `make provision` gives it that."""
    ttl, policy = found.get("defaultTtl"), found.get("indexingPolicy") or {}
    present = [_orders(index) for index in policy.get("compositeIndexes") or []]
    faults = [
        f"has no composite index over {', '.join(path for path, _ in index)}"
        for index in map(_orders, INDEXING_POLICY["compositeIndexes"])
        if index not in present and _reversed(index) not in present
    ]
    if ttl is None:
        faults.insert(0, "has its time to live switched off (nothing would expire)")
    elif ttl != DEFAULT_TTL:
        faults.insert(0, f"lets items without a time to live expire after {ttl} seconds (-1 is needed)")
    return faults


def policy_differs(found: Mapping[str, Any]) -> bool:
    """Return whether a container indexes other paths than Parley's queries use: they work, and writes cost more."""
    policy = found.get("indexingPolicy") or {}
    return any(_paths(policy, kind) != _paths(INDEXING_POLICY, kind) for kind in ("includedPaths", "excludedPaths"))


def _paths(policy: Mapping[str, Any], kind: str) -> set[str]:
    return {entry["path"] for entry in policy.get(kind) or []}


def _orders(index: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    return [(part["path"], part.get("order", "ascending").lower()) for part in index]


def _reversed(index: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the index that serves the same queries: with every order turned round."""
    return [(path, "ascending" if order == "descending" else "descending") for path, order in index]
