"""The container that Parley needs, for provisioning and for emulators."""

from typing import Any

PARTITION_KEY = "/user_id"
DEFAULT_TTL = -1  # time to live is on and nothing expires by default; learn: cosmos-db/time-to-live

# Only what queries filter or sort by: an append then pays for no index of the text it stores.
INDEXED = (
    "user_id",
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
)

INDEXING_POLICY: dict[str, Any] = {
    "indexingMode": "consistent",
    "automatic": True,
    "includedPaths": [{"path": f"/{path}/?"} for path in INDEXED],
    "excludedPaths": [{"path": "/*"}, {"path": '/"_etag"/?'}],
    "compositeIndexes": [
        [{"path": "/last_activity_at", "order": "descending"}, {"path": "/id", "order": "descending"}],
        [
            {"path": "/type", "order": "ascending"},
            {"path": "/status", "order": "ascending"},
            {"path": "/pinned", "order": "ascending"},
            {"path": "/last_activity_at", "order": "ascending"},
        ],
        [
            {"path": "/last_activity_at", "order": "ascending"},
            {"path": "/user_id", "order": "ascending"},
            {"path": "/id", "order": "ascending"},
        ],
    ],
}
