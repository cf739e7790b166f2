"""Examples: a chat about a journey, told once and shown from every side."""

from datetime import UTC, datetime, timedelta

from shared.models import JsonObject, Message, Session, SessionStats

BEGAN = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
LAST = BEGAN + timedelta(seconds=42)
WEEK_SECONDS = 7 * 24 * 3600

NEW_SESSION: JsonObject = {
    "session_name": "Trip to Lisbon",
    "channel": "web",
    "context": {"language": "en"},
    "tags": ["travel"],
    "ttl_seconds": WEEK_SECONDS,
}
NEW_MESSAGE: JsonObject = {"id": "msg-1", "role": "user", "content": "When does the first train leave?"}
NEW_MESSAGES: JsonObject = {
    "messages": [
        {"id": "msg-2", "role": "user", "content": "And the last one?"},
        {"id": "msg-3", "role": "assistant", "content": "At 23:40.", "metadata": {"model": "small"}},
    ]
}

_session = Session(
    id="trip-2026",
    user_id="alice",
    **NEW_SESSION,
    message_count=1,
    created_at=BEGAN,
    updated_at=LAST,
    last_message_at=LAST,
    last_activity_at=LAST,
    expires_at=LAST + timedelta(seconds=WEEK_SECONDS),
    etag='"1"',
)
_message = Message(**NEW_MESSAGE, created_at=LAST, seq=1, user_id="alice")
_stats = SessionStats(
    message_count=1,
    by_role={"user": 1, "assistant": 0, "system": 0, "developer": 0, "tool": 0},
    first_message_at=LAST,
    last_message_at=LAST,
    is_active=True,
)

SESSION: JsonObject = _session.model_dump(mode="json")
MESSAGE: JsonObject = _message.model_dump(mode="json")
SESSION_STATS: JsonObject = _stats.model_dump(mode="json")
LINK: JsonObject = {
    "share_id": "9f2c4d1b7a3e5f60",
    "up_to_seq": 1,
    "created_at": "2026-11-21T09:31:00.000000Z",
    "expires_at": "2026-11-28T09:31:00.000000Z",
}
LINK_ADDRESS: JsonObject = {"url": "/api/shared/Zk3vQ0bX8mT5rY1nC7wE2aH9dL4sP6uJ0gF3iK5oV8x"}
SHARED: JsonObject = {
    "session_name": "Trip to Lisbon",
    "messages": [{name: MESSAGE[name] for name in ("role", "content", "created_at")}],
    "has_more": False,
    "next_cursor": None,
}
OWNER_STATS: JsonObject = {
    "sessions": {"active": 1, "archived": 0},
    "by_channel": {"web": 1},
    "messages": 1,
    "by_role": {"user": 1, "assistant": 0, "system": 0, "developer": 0, "tool": 0},
    "feedback": {"up": 0, "down": 0},
    "stored_bytes": 123,
    "per_day": [{"date": "2026-11-20", "messages": 0}, {"date": "2026-11-21", "messages": 1}],
}
HITS: JsonObject = {
    "data": [
        {
            "session_id": "trip-2026",
            "session_name": "Trip to Lisbon",
            "message": MESSAGE,
            "snippet": [
                {"text": "When does the first ", "hit": False},
                {"text": "train", "hit": True},
                {"text": " leave?", "hit": False},
            ],
        }
    ],
    "has_more": False,
    "next_cursor": None,
}
SESSION_LIST: JsonObject = {"data": [SESSION], "has_more": False, "next_cursor": None}
MESSAGE_LIST: JsonObject = {"data": [MESSAGE], "has_more": False, "next_cursor": None}
SESSION_WITH_MESSAGES: JsonObject = SESSION | {"messages": [MESSAGE], "has_more": False, "next_cursor": None}
APPENDED: JsonObject = {"session_id": "trip-2026", "messages": [MESSAGE], "message_count": 1}
