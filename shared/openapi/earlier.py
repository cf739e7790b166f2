"""What the routes of the earlier systems do; all of them are deprecated."""

from collections.abc import Mapping
from typing import Any

from shared.errors import IdempotencyConflictError, MessageConflictError, SessionArchivedError, SessionNotFoundError
from shared.http.earlier.channels import CHANNELS
from shared.models import JsonObject
from shared.openapi import examples
from shared.openapi.bodies import AppendedMessages, NoFields
from shared.openapi.earlier_bodies import (
    Answered,
    ChannelChat,
    ChannelCleared,
    ChannelTurn,
    EarlierChannelMessage,
    EarlierMessage,
    EarlierQuestion,
    History,
    LatestHistory,
    SessionReset,
    SessionStatus,
)
from shared.openapi.operation import Operation, Parameter, Reply
from shared.openapi.parameters import IDEMPOTENCY_KEY, limit

OLD_ID = "the id it has here or had in the system it came from"
SESSION: JsonObject = {
    "name": "session_id",
    "in": "path",
    "required": True,
    "description": f"The session: {OLD_ID}.",
    "schema": {"type": "string", "minLength": 1},
    "example": "abc123",
}
CHANNEL: JsonObject = {
    "name": "channel",
    "in": "path",
    "required": True,
    "description": "Whose chat it is; there are no others here.",
    "schema": {"type": "string", "enum": [*CHANNELS]},
    "example": CHANNELS[0],
}
NAMED: JsonObject = {"type": "string", "minLength": 1}
SESSION_IN_QUERY = Parameter("session_id", NAMED, f"The session: {OLD_ID}.", required=True)
NOBODY = "Without an owner, or for `default`, it is for `default`, or for whoever is signed in."
MADE = "An unknown `session_id` makes a session of that id; one that Parley's grammar forbids becomes `x-` and a hash."
NO_REPLY = "Nothing here replies yet: the words are stored, and the reply is null."

SAID = examples.MESSAGE
ENTRY: JsonObject = {name: SAID[name] for name in ("role", "content", "audio_files", "function_calls", "metadata")}
HISTORY = Reply(
    "Oldest first. `x-next-cursor` leads to older messages, as `cursor` of the session's messages route.",
    History,
    ("x-next-cursor",),
    {"session_id": "trip-2026", "history": [{"message_id": SAID["id"], "timestamp": SAID["created_at"], **ENTRY}]},
)


def _earlier(description: str, **about: Any) -> Operation:  # noqa: ANN401 - Operation's own fields
    return Operation(
        tag="Earlier routes", description=f"{description} {NOBODY}", owner_optional=True, deprecated=True, **about
    )


OPERATIONS: Mapping[str, Operation] = {
    "latest_history": _earlier(
        "The newest messages of the session named, else of the active one that was used last.",
        parameters=(
            Parameter("session_id", NAMED, f"The session: {OLD_ID}."),
            limit(200, 50, "How many messages at most."),
        ),
        replies={
            200: Reply(
                "They are; `x-next-cursor` leads to older ones, as `cursor` of the session's messages route.",
                LatestHistory,
                ("x-next-cursor",),
                {"session_id": "trip-2026", "messages": [examples.MESSAGE], "message_count": 1},
            )
        },
        errors=(SessionNotFoundError,),
    ),
    "send_message": _earlier(
        f"`POST /api/chat/messages` for one message. {MADE}",
        parameters=(IDEMPOTENCY_KEY,),
        body=EarlierMessage,
        body_required=True,
        examples={
            "The first message of a chat": {"content": "Hello!", "message_type": "user"},
            "The next one": {"session_id": "trip-2026", **examples.NEW_MESSAGE},
        },
        replies={
            200: Reply("It was stored before.", AppendedMessages, example=examples.APPENDED),
            201: Reply("Stored.", AppendedMessages, example=examples.APPENDED),
        },
        errors=(SessionArchivedError, MessageConflictError, IdempotencyConflictError),
    ),
    "ask": _earlier(
        f"{NO_REPLY} {MADE}",
        body=EarlierQuestion,
        body_required=True,
        examples={
            "The first question of a chat": {"query": "Hello, I need consultation advice"},
            "The next one": {"query": "Can you elaborate on that?", "session_id": "trip-2026"},
        },
        replies={
            200: Reply(
                "Stored.",
                Answered,
                example={
                    "response": None,
                    "query": "Can you elaborate on that?",
                    "audio_files": [],
                    "audio_provided": False,
                    "conversation_length": 2,
                    "session_id": "trip-2026",
                },
            )
        },
        errors=(SessionArchivedError,),
    ),
    "session_history": _earlier(
        "All that was said in a session, or the newest 8 MiB of it.",
        path={"session_id": SESSION},
        replies={200: HISTORY},
    ),
    "load_session": _earlier(
        "The same as the session's history: nothing has to be loaded here.",
        parameters=(SESSION_IN_QUERY,),
        body=NoFields,
        examples={"Nothing": {}},
        replies={200: HISTORY},
        errors=(SessionNotFoundError,),
    ),
    "session_status": _earlier(
        "How much was said in a session, and when.",
        parameters=(SESSION_IN_QUERY,),
        replies={
            200: Reply(
                "The counts.",
                SessionStatus,
                example={
                    "session_id": "trip-2026",
                    "message_count": 1,
                    "created_at": examples.SESSION["created_at"],
                    "updated_at": examples.SESSION["updated_at"],
                    "is_active": True,
                    "duration_seconds": 0.0,
                },
            )
        },
        errors=(SessionNotFoundError,),
    ),
    "reset_session": _earlier(
        "Remove every message and keep the session, which may go on.",
        parameters=(SESSION_IN_QUERY,),
        body=NoFields,
        examples={"Nothing": {}},
        replies={200: Reply("Done.", SessionReset, example={"success": True, "session_id": "trip-2026"})},
        errors=(SessionNotFoundError,),
    ),
    "say_in_channel": _earlier(
        (
            f"{NO_REPLY} {MADE} One that another channel has already gets `.<channel>` behind it. "
            f"A chat that is made here is gone a day after the last message."
        ),
        path={"channel": CHANNEL},
        body=EarlierChannelMessage,
        body_required=True,
        examples={
            "The first message of a chat": {"message": "Hi, what can you do?", "session_id": None, "channel_id": None},
            "The next one": {"message": "Write a script about AI", "session_id": "abc123"},
        },
        replies={200: Reply("Stored.", ChannelTurn, example={"success": True, "result": None, "session_id": "abc123"})},
        errors=(SessionArchivedError,),
    ),
    "read_channel_chat": _earlier(
        "The newest messages of a channel's chat; none that is older than 24 hours.",
        path={"session_id": SESSION, "channel": CHANNEL},
        parameters=(limit(200, 10, "How many messages at most."),),
        replies={
            200: Reply(
                "They are.",
                ChannelChat,
                example={
                    "success": True,
                    "session_id": "abc123",
                    "message_count": 1,
                    "messages": [{name: SAID[name] for name in ("role", "content", "created_at")}],
                },
            )
        },
    ),
    "clear_channel_chat": _earlier(
        "Delete a channel's chat; the answer is the same where there is none.",
        path={"session_id": SESSION, "channel": CHANNEL},
        replies={200: Reply("Gone.", ChannelCleared, example={"success": True, "message": "Chat history cleared"})},
    ),
}
