"""The container that Parley needs, and what another one lacks of it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# Said once, for this module, `make provision` and the infrastructure code (infra/cosmos.bicep).
CONTAINER: dict[str, Any] = json.loads(Path(__file__).with_name("container.json").read_text(encoding="utf-8"))
PARTITION_KEY: str = CONTAINER["partitionKey"]["paths"][0]
# Time to live is on and nothing expires by default: https://learn.microsoft.com/azure/cosmos-db/nosql/time-to-live
DEFAULT_TTL: int = CONTAINER["defaultTtl"]
# Only what queries filter or sort by: each path costs every item about 0.6 units, even where nothing is there. What
# is found by its id needs none, that index is always there. docs/decisions/0015 says which query uses what.
INDEXING_POLICY: dict[str, Any] = CONTAINER["indexingPolicy"]


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


def policy_changes(found: Mapping[str, Any]) -> list[str]:
    """Return what a container indexes more or less than Parley's queries use: it works, and writes cost more."""
    policy = found.get("indexingPolicy") or {}
    changes: list[str] = []
    for kind, gained, lost in (
        ("includedPaths", "does not index {}", "indexes {}, which no query uses"),
        ("excludedPaths", "does not leave {} out of its index", "leaves {} out of its index"),
    ):
        present, wanted = _paths(policy, kind), _paths(INDEXING_POLICY, kind)
        changes += [gained.format(path) for path in sorted(wanted - present)]
        changes += [lost.format(path) for path in sorted(present - wanted)]
    return changes + [
        f"has a composite index over {', '.join(path for path, _ in index)}, which no query uses"
        for index in map(_orders, policy.get("compositeIndexes") or [])
        if not any(index in (ours, _reversed(ours)) for ours in map(_orders, INDEXING_POLICY["compositeIndexes"]))
    ]


def _paths(policy: Mapping[str, Any], kind: str) -> set[str]:
    return {entry["path"] for entry in policy.get(kind) or []}


def _orders(index: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    return [(part["path"], part.get("order", "ascending").lower()) for part in index]


def _reversed(index: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the index that serves the same queries: with every order turned round."""
    return [(path, "ascending" if order == "descending" else "descending") for path, order in index]
