"""The container that Parley needs, for provisioning and for emulators."""

from typing import Any

PARTITION_KEY = "/user_id"
DEFAULT_TTL = -1  # time to live is on and nothing expires by default; learn: cosmos-db/time-to-live

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
