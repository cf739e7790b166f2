"""What the operations on messages do."""

from collections.abc import Mapping

from shared.errors import IdempotencyConflictError, MessageConflictError, SessionArchivedError
from shared.models import MAX_SEQ, ROLE_ALIASES, ROLES, JsonObject, Message
from shared.openapi import examples
from shared.openapi.bodies import (
    AppendedMessages,
    AppendMessage,
    AppendMessageAnywhere,
    AppendMessages,
    AppendMessagesAnywhere,
    ChangeMessage,
    MessageList,
    OpenAIMessage,
)
from shared.openapi.operation import Operation, Parameter, Reply
from shared.openapi.parameters import CURSOR, IDEMPOTENCY_KEY, limit

TAG = "Messages"
SEQ: JsonObject = {"type": "integer", "minimum": 0, "maximum": MAX_SEQ}
ORDER: JsonObject = {"type": "string", "enum": ["asc", "desc"], "default": "desc"}
LAST: JsonObject = {"type": "integer", "minimum": 1, "maximum": 200}
APPENDED = {
    200: Reply("All of it was stored before; nothing was added.", AppendedMessages),
    201: Reply("Stored.", AppendedMessages, example=examples.APPENDED),
}
MESSAGE = Reply("The message.", Message, example=examples.MESSAGE)
ALL_OR_NONE = "All or none; what is stored already is a 200. "
FOR_MODELS = (
    "`openai` is what a chat completions API takes: an answer of a tool only after its call, a call only with its "
    "answer directly after it, calls of other frameworks as that API writes them, `name` only where it fits "
    "`[A-Za-z0-9_-]{1,64}`, content parts it does not know as text. Left out are redacted messages, calls and answers "
    "that the page, a filter, a fork, a rewind or a redaction has parted, a second answer to one call, calls without "
    "an id, a name or arguments, parts without a text, and messages that say nothing without what they have lost; "
    "`x-left-out` counts the messages that are missing or not whole. "
)
RECOGNISED = "Ids are recognised among at least the newest 100 messages of the session."

OPERATIONS: Mapping[str, Operation] = {
    "append_messages": Operation(
        tag=TAG,
        description=(
            f"One message as the body itself, or 1 to 20 as `messages`. {ALL_OR_NONE}"
            f"With message ids of your own, or with an `Idempotency-Key`, the request is safe to repeat. {RECOGNISED}"
        ),
        parameters=(IDEMPOTENCY_KEY,),
        body=AppendMessage | AppendMessages,
        body_required=True,
        examples={"One message": examples.NEW_MESSAGE, "Several at once": examples.NEW_MESSAGES},
        replies=APPENDED,
        errors=(SessionArchivedError, MessageConflictError, IdempotencyConflictError),
    ),
    "append_anywhere": Operation(
        tag=TAG,
        description=(
            "The same without a session: one is made unless `session_id` names one the owner has; for that one "
            f"`channel` and `session_name` are ignored. {ALL_OR_NONE}"
            "With an `Idempotency-Key`, or with a `session_id` and message ids of your own, the request is safe to "
            f"repeat; otherwise every repeat makes a session. {RECOGNISED}"
        ),
        parameters=(IDEMPOTENCY_KEY,),
        body=AppendMessageAnywhere | AppendMessagesAnywhere,
        body_required=True,
        examples={
            "The first message of a chat": {"role": "user", "content": "Hello!"},
            "Into a session of that id": {"session_id": "trip-2026", **examples.NEW_MESSAGE},
        },
        replies=APPENDED,
        errors=(SessionArchivedError, MessageConflictError, IdempotencyConflictError),
    ),
    "list_messages": Operation(
        tag=TAG,
        description=(
            "Page through the messages in either order. `cursor` keeps the order and the filters it began with; "
            "`before` and `after` bound the page by `seq`; `last` is the newest few, oldest first, alone or with "
            "`role` and `format`. Anything else together is a 400. "
            f"{FOR_MODELS}To follow a session, poll with `after=SEQ&order=asc`."
        ),
        parameters=(
            limit(200, 50),
            Parameter("order", ORDER, "Oldest or newest first."),
            Parameter("before", SEQ, "Only messages with a smaller `seq`."),
            Parameter("after", SEQ, "Only messages with a larger `seq`."),
            Parameter("role", {"type": "string", "enum": [*ROLES, *ROLE_ALIASES]}, "Only of this role."),
            Parameter("last", LAST, "The newest few, oldest of them first."),
            CURSOR,
            Parameter(
                "format",
                {"type": "string", "enum": ["json", "openai"], "default": "json"},
                "`openai`: a bare array, oldest first, ready to send to a model.",
            ),
        ),
        replies={
            200: Reply(
                "A page; with `format=openai` a bare array, and the cursor in `x-next-cursor`.",
                MessageList | list[OpenAIMessage],
                ("x-next-cursor", "x-left-out"),
                examples.MESSAGE_LIST,
            )
        },
    ),
    "read_message": Operation(
        tag=TAG,
        description="One message, wherever in its session it is.",
        replies={200: MESSAGE},
    ),
    "change_message": Operation(
        tag=TAG,
        description="Set `feedback` or `metadata`, each replaced whole; a redacted message stays marked as such.",
        body=ChangeMessage,
        examples={"A thumb up": {"feedback": {"rating": "up", "comment": "Just what I needed."}}},
        replies={200: MESSAGE},
    ),
    "redact_message": Operation(
        tag=TAG,
        description=(
            "Take away what the message says: content, name, persona, files, calls and feedback; its `metadata` "
            "becomes `{redacted: true}`, its `seq` and `role` stay."
        ),
        replies={204: Reply("Redacted.")},
    ),
    "clear_messages": Operation(
        tag=TAG,
        description=(
            "Remove every message and keep the session; numbers go on. With `after` remove only what is newer, which "
            "frees its numbers; beyond the end that is nothing."
        ),
        parameters=(Parameter("after", SEQ, "Keep the messages up to this `seq`."),),
        replies={204: Reply("Removed.")},
    ),
}
