"""Examples of bodies, by the function, and of answers, by their type: a chat about a journey, from every side."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import get_args

from shared.models import JsonObject, Message, Session, SessionStats
from shared.version import VERSION

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
_reply = Message(
    id="1f0c9a52-5c0e-5b0e-9a52-1f8c1a6f7f0e",
    role="assistant",
    content="At 05:40.",
    created_at=LAST,
    seq=2,
    user_id="alice",
    metadata={
        "reply": {
            "model": "gpt-4o-mini",
            "finish_reason": "stop",
            "input_tokens": 21,
            "output_tokens": 6,
            "milliseconds": 640,
            "history": {"messages": 1, "left_out": 0},
        }
    },
)
_stats = SessionStats(
    message_count=1,
    by_role={"user": 1, "assistant": 0, "system": 0, "developer": 0, "tool": 0},
    first_message_at=LAST,
    last_message_at=LAST,
    is_active=True,
)

SESSION: JsonObject = _session.model_dump(mode="json")
MESSAGE: JsonObject = _message.model_dump(mode="json")
REPLY: JsonObject = _reply.model_dump(mode="json")
LINK: JsonObject = {
    "share_id": "9f2c4d1b7a3e5f60",
    "up_to_seq": 1,
    "created_at": "2026-11-21T09:31:00.000000Z",
    "expires_at": "2026-11-28T09:31:00.000000Z",
}
BODIES: Mapping[str, Mapping[str, JsonObject]] = {
    "create_session": {"A session": NEW_SESSION, "Everything by default": {}},
    "change_session": {"A new name": {"session_name": "Travel plans"}, "Keep it for ever": {"ttl_seconds": -1}},
    "fork_session": {"Everything": {}, "The first ten messages": {"after_seq": 10}},
    "share_session": {"For a week": {"expires_in_seconds": 604_800}, "The first ten messages": {"up_to_seq": 10}},
    "append_messages": {"One message": NEW_MESSAGE, "Several at once": NEW_MESSAGES},
    "append_anywhere": {
        "The first message of a chat": {"role": "user", "content": "Hello!"},
        "Into a session of that id": {"session_id": "trip-2026", **NEW_MESSAGE},
    },
    "replace_tail": {"Another end": NEW_MESSAGES, "Nothing behind it": {"messages": []}},
    "replace_message": {"What it says now": {"role": "assistant", "content": "At 23:50.", "name": "timetable"}},
    "take_turn": {
        "A question": NEW_MESSAGE,
        "Results of tools": {
            "messages": [{"role": "tool", "tool_call_id": "call_1", "content": '{"departs": "05:40"}'}]
        },
        "Answer what is there": {},
    },
    "take_turn_anywhere": {
        "The first question of a chat": {"role": "user", "content": "Hello!"},
        "In a session of that id": {"session_id": "trip-2026", **NEW_MESSAGE},
    },
    "regenerate_reply": {"As it was asked": {}, "Shorter": {"max_output_tokens": 100}},
    "change_message": {"A thumb up": {"feedback": {"rating": "up", "comment": "Just what I needed."}}},
    "send_message": {
        "The first message of a chat": {"content": "Hello!", "message_type": "user"},
        "The next one": {"session_id": "trip-2026", **NEW_MESSAGE},
    },
    "ask": {
        "The first question of a chat": {"query": "Hello, I need consultation advice"},
        "The next one": {"query": "Can you elaborate on that?", "session_id": "trip-2026"},
    },
    "say_in_channel": {
        "The first message of a chat": {"message": "Hi, what can you do?", "session_id": None, "channel_id": None},
        "The next one": {"message": "Write a script about AI", "session_id": "abc123"},
    },
}
"""By what they show; a function whose body may hold nothing needs none."""

_ENTRY: JsonObject = {name: MESSAGE[name] for name in ("role", "content", "audio_files", "function_calls", "metadata")}
ANSWERS: Mapping[str, JsonObject] = {
    "Session": SESSION,
    "SessionList": {"data": [SESSION], "has_more": False, "next_cursor": None},
    "SessionWithMessages": SESSION | {"messages": [MESSAGE], "has_more": False, "next_cursor": None},
    "SessionStats": _stats.model_dump(mode="json"),
    "NewLink": LINK | {"url": "/api/shared/Zk3vQ0bX8mT5rY1nC7wE2aH9dL4sP6uJ0gF3iK5oV8x"},
    "LinkList": {"data": [LINK], "has_more": False, "next_cursor": None},
    "SharedSession": {
        "session_name": "Trip to Lisbon",
        "messages": [{name: MESSAGE[name] for name in ("role", "content", "created_at")}],
        "has_more": False,
        "next_cursor": None,
    },
    "Message": MESSAGE,
    "MessageList": {"data": [MESSAGE], "has_more": False, "next_cursor": None},
    "AppendedMessages": {"session_id": "trip-2026", "messages": [MESSAGE], "message_count": 1},
    "TurnAnswer": {
        "session_id": "trip-2026",
        "messages": [MESSAGE],
        "reply": REPLY,
        "message_count": 2,
        "usage": {"input_tokens": 21, "output_tokens": 6},
    },
    "TurnState": {"state": "done", "reply": REPLY},
    "OwnerStats": {
        "sessions": {"active": 1, "archived": 0},
        "by_channel": {"web": 1},
        "messages": 1,
        "by_role": {"user": 1, "assistant": 0, "system": 0, "developer": 0, "tool": 0},
        "feedback": {"up": 0, "down": 0},
        "stored_bytes": 123,
        "per_day": [{"date": "2026-11-20", "messages": 0}, {"date": "2026-11-21", "messages": 1}],
        "usage": {"replies": 0, "input_tokens": 0, "output_tokens": 0},
    },
    "HitList": {
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
    },
    "ErasedData": {"deleted": {"sessions": 12, "messages": 340}, "done": True},
    "Health": {"status": "ok", "store": "cosmos", "latency_ms": 4.2, "version": VERSION},
    "LatestHistory": {"session_id": "trip-2026", "messages": [MESSAGE], "message_count": 1},
    "Answered": {
        "response": None,
        "query": "Can you elaborate on that?",
        "audio_files": [],
        "audio_provided": False,
        "conversation_length": 2,
        "session_id": "trip-2026",
    },
    "ConversationHistory": {
        "session_id": "trip-2026",
        "history": [{"message_id": MESSAGE["id"], "timestamp": MESSAGE["created_at"], **_ENTRY}],
    },
    "ConversationStatus": {
        "session_id": "trip-2026",
        "message_count": 1,
        "created_at": SESSION["created_at"],
        "updated_at": SESSION["updated_at"],
        "is_active": True,
        "duration_seconds": 0.0,
    },
    "SessionReset": {"success": True, "session_id": "trip-2026"},
    "ChannelTurn": {"success": True, "result": None, "session_id": "abc123"},
    "ChannelChat": {
        "success": True,
        "session_id": "abc123",
        "message_count": 1,
        "messages": [{name: MESSAGE[name] for name in ("role", "content", "created_at")}],
    },
    "ChannelCleared": {"success": True, "message": "Chat history cleared"},
}


def answer_example(answered: object) -> JsonObject:
    """Return the example of a type that is answered, of a union's first; nothing where there is none."""
    name = getattr((get_args(answered) or (answered,))[0], "__name__", "")
    return {"example": ANSWERS[name]} if name in ANSWERS else {}
