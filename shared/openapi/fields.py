"""What each field means, by its name: one name means one thing everywhere."""

from collections.abc import Mapping

from shared.models import (
    MAX_ATTACHMENT_BYTES,
    MAX_CONTEXT_BYTES,
    MAX_METADATA_BYTES,
)

TOGETHER = f"At most {MAX_ATTACHMENT_BYTES // 1024} KiB together with the other list."
FIELDS: Mapping[str, str] = {
    "after_seq": "The `seq` of the last message to copy; all of them when it is left out.",
    "archived_at": "When the session was archived; null while it is active.",
    "audio_files": f"Recordings, as URLs or objects. {TOGETHER}",
    "audio_provided": "Always false: nothing is spoken here.",
    "by_role": "How many messages each role has.",
    "channel": "Where the chat takes place; a name for filters and for defaults of the time to live.",
    "channel_id": "Which channel of the user's it is about; kept in the message's `metadata`.",
    "code": "What happened, for a program.",
    "comment": "Why, in the user's words.",
    "content": "A text, or a list of parts: objects with a string `type`.",
    "conversation_length": "How many messages the session has now.",
    "context": f"What the application keeps with the session; at most {MAX_CONTEXT_BYTES // 1024} KiB of JSON.",
    "created_at": "When it was stored: ISO 8601, UTC.",
    "data": "The page.",
    "deleted": "What was removed.",
    "detail": "What happened, for a person.",
    "done": "Whether nothing is left; repeat the request while it is false.",
    "duration_seconds": "From the first to the last message.",
    "errors": "With `validation_failed`: what is wrong, place by place.",
    "expires_at": "When the session is gone unless it is written to before; null while it is kept.",
    "feedback": "What the user thinks of the message.",
    "first_message_at": "When the oldest message was stored.",
    "function_calls": f"Calls of functions or tools, as strings or objects. {TOGETHER}",
    "has_more": "Whether another page may hold something: follow `next_cursor`, also from an empty page.",
    "history": "All messages, oldest first; with `x-next-cursor` there are older ones.",
    "hit": "Whether this is what was sought.",
    "id": "Its name among its owner's sessions, or among its session's messages.",
    "ids": "With `message_conflict`: the ids that clash.",
    "is_active": "Whether the session takes messages. Set it to archive (false) or restore (true).",
    "last_activity_at": "The latest of creation, last message and restore: sorts lists, decides about archival.",
    "last_message_at": "When the newest message was stored.",
    "latency_ms": "How long the store took to answer, in milliseconds.",
    "loc": "Where: names of fields and numbers of list items, from the outside in.",
    "message": "The message.",
    "message_count": "How many messages the session has.",
    "message_id": "The message's id.",
    "message_type": "The same as `role`, for clients of the earlier API.",
    "messages": "Messages.",
    "metadata": f"What the application keeps with the message; at most {MAX_METADATA_BYTES // 1024} KiB of JSON.",
    "msg": "What is wrong, for a person.",
    "name": "Who or what speaks, for example a tool's name.",
    "next_cursor": "Send it as `cursor` to go on; null at the end. Opaque, bound to list and owner.",
    "persona": "The persona the assistant had.",
    "pinned": "Pinned sessions are neither archived by the timer nor removed by age.",
    "query": "What the user asks.",
    "rating": "Thumb up or down.",
    "request_id": "The answer's `x-request-id`; it is in the service's log, too.",
    "response": "The reply; null as long as nothing here replies.",
    "result": "The reply; null as long as nothing here replies.",
    "role": "Who speaks.",
    "seq": "The message's number in its session: from 1, without gaps.",
    "session_id": "The session's id.",
    "session_name": "A name for people.",
    "sessions": "How many sessions.",
    "snippet": "A piece of the message around the first hit, cut into what was sought and what was not.",
    "status": "Archived sessions leave the default list and take no messages; `restore` brings them back.",
    "store": "The store behind the service.",
    "success": "Always true; what fails is a problem document.",
    "tags": "Labels to filter by.",
    "timestamp": "When it was stored: ISO 8601, UTC.",
    "text": "The text.",
    "title": "What sort of problem it is, for a person.",
    "tool_call_id": "The call that this message answers.",
    "tool_calls": "The message's `function_calls`.",
    "transcription_confidence": "How sure the transcription of speech was.",
    "ttl_seconds": "How many seconds after the last write the session is gone; -1 keeps it.",
    "type": "What sort, for a program.",
    "updated_at": "When anything of the session changed last.",
    "user_id": "The owner.",
}
_ROLE = (
    "Required, unless `message_type` is sent. Who speaks; `ai` and `bot` mean assistant, `human` user, `function` tool."
)
_CONTENT = (
    "Required, unless `function_calls` are sent. A text (which may be empty), or a list of parts: objects with a "
    "string `type`."
)
_MESSAGE_ID = "Made by the service when it is left out. With one of your own a repeat is recognised."
_MESSAGE_INPUTS = ("MessageInput", "AppendMessage", "AppendMessageAnywhere", "EarlierMessage")
BY_COMPONENT: Mapping[tuple[str, str], str] = {
    **{(component, "role"): _ROLE for component in _MESSAGE_INPUTS},
    **{(component, "content"): _CONTENT for component in _MESSAGE_INPUTS},
    **{(component, "id"): _MESSAGE_ID for component in _MESSAGE_INPUTS},
    ("CreateSession", "id"): "Made by the service when it is left out. One that exists is a 409 `session_exists`.",
    (
        "CreateSession",
        "ttl_seconds",
    ): "Seconds from the last write to its end; -1 keeps it.",
    ("Health", "status"): "Always ok; a store that does not answer is a problem document with status 503.",
    ("Problem", "status"): "The HTTP status.",
    ("SessionWithMessages", "next_cursor"): "A `cursor` for the messages route, leading to older ones; null without.",
}
