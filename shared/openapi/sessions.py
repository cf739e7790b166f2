"""What the operations on sessions do."""

from collections.abc import Mapping

from shared.errors import (
    IdempotencyConflictError,
    PreconditionFailedError,
    SessionExistsError,
    ShareNotFoundError,
    TooManySharesError,
)
from shared.http.exports import FORMATS
from shared.http.problems import BadRequestError
from shared.models import CHANNEL, JsonObject, Session, SessionStats
from shared.openapi import examples
from shared.openapi.bodies import (
    ChangeSession,
    CreateSession,
    Fork,
    LinkList,
    NewLink,
    NoFields,
    OpenAIMessage,
    SessionList,
    SessionWithMessages,
    SharedSession,
    ShareSession,
)
from shared.openapi.messages import FOR_MODELS
from shared.openapi.operation import Operation, Parameter, Reply
from shared.openapi.parameters import CURSOR, IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, limit

TAG = "Sessions"
STATUS: JsonObject = {"type": "string", "enum": ["active", "archived", "all"], "default": "active"}
FORMAT: JsonObject = {"type": "string", "enum": list(FORMATS), "default": "json"}
NAME: JsonObject = {"type": "string", "maxLength": 200}
SESSION = Reply("The session.", Session, ("ETag",), examples.SESSION)

OPERATIONS: Mapping[str, Operation] = {
    "create_session": Operation(
        tag=TAG,
        description=(
            "Every field is optional. With an `id` of your own, or with an `Idempotency-Key`, the request is safe to "
            "repeat: an `id` that exists is a 409, a repeated key a 200 with what is stored."
        ),
        parameters=(IDEMPOTENCY_KEY,),
        body=CreateSession,
        examples={"A session": examples.NEW_SESSION, "Everything by default": {}},
        replies={
            200: Reply("The key was used for this session before; here it is.", Session, ("ETag", "Location")),
            201: Reply("Created.", Session, ("ETag", "Location"), examples.SESSION),
        },
        errors=(SessionExistsError, IdempotencyConflictError),
    ),
    "list_sessions": Operation(
        tag=TAG,
        description="The owner's sessions, last activity first.",
        parameters=(
            Parameter("status", STATUS, "Which ones."),
            Parameter("channel", {"type": "string", "pattern": f"^{CHANNEL.pattern}$"}, "Only of this channel."),
            Parameter("tag", {"type": "array", "items": {"type": "string"}}, "Only with this tag; repeatable."),
            Parameter("pinned", {"type": "boolean"}, "Only pinned ones, or only others."),
            Parameter("name", NAME, "Only with this text in the name; see *Texts are compared*."),
            limit(100, 20),
            CURSOR,
        ),
        replies={200: Reply("A page.", SessionList, example=examples.SESSION_LIST)},
    ),
    "read_session": Operation(
        tag=TAG,
        description=(
            "The session with its newest messages, oldest of them first. With `If-None-Match` an unchanged session is "
            "not sent again. `next_cursor` leads to older messages: send it as `cursor` to the messages of the session."
        ),
        parameters=(limit(200, 50, "How many messages at most."), IF_NONE_MATCH),
        replies={
            200: Reply("The session.", SessionWithMessages, ("ETag",), examples.SESSION_WITH_MESSAGES),
            304: Reply("Nothing has changed since that version.", headers=("ETag",)),
        },
    ),
    "change_session": Operation(
        tag=TAG,
        description=(
            "Fields that are left out stay as they are. `is_active` archives or restores. With `If-Match` nothing is "
            "changed unless the session still has that version."
        ),
        parameters=(IF_MATCH,),
        body=ChangeSession,
        examples={"A new name": {"session_name": "Travel plans"}, "Keep it for ever": {"ttl_seconds": -1}},
        replies={200: SESSION},
        errors=(PreconditionFailedError,),
    ),
    "delete_session": Operation(
        tag=TAG,
        description="The session and every message of it, for good. Deleting it again is a 404.",
        parameters=(IF_MATCH,),
        replies={204: Reply("Deleted.")},
        errors=(PreconditionFailedError,),
    ),
    "archive_session": Operation(
        tag=TAG,
        description="It leaves the default list and takes no messages; everything else goes on. Repeating is harmless.",
        parameters=(IF_MATCH,),
        body=NoFields,
        examples={"Nothing": {}},
        replies={200: SESSION},
        errors=(PreconditionFailedError,),
    ),
    "restore_session": Operation(
        tag=TAG,
        description="It takes messages again, with its own time to live. Repeating is harmless.",
        parameters=(IF_MATCH,),
        body=NoFields,
        examples={"Nothing": {}},
        replies={200: SESSION},
        errors=(PreconditionFailedError,),
    ),
    "export_session": Operation(
        tag=TAG,
        description=(
            "The whole session, archived or not. An answer holds up to 8 MiB; where there is more, `x-next-cursor` "
            "leads on: send it as `cursor`, with the same `format`. `ndjson` has a line for the session and one for "
            "each message. `markdown` is for people: what was said is in block quotes and names are plain text, so "
            f"that nobody can write another speaker's line. {FOR_MODELS}An answer never ends between a call and its "
            "answers."
        ),
        parameters=(Parameter("format", FORMAT, "How to write it."), CURSOR),
        replies={
            200: Reply(
                "The session, or the next part of it.",
                SessionWithMessages | list[OpenAIMessage],
                ("Content-Disposition", "x-next-cursor", "x-left-out"),
                examples.SESSION_WITH_MESSAGES,
                texts=("application/x-ndjson", "text/markdown"),
            )
        },
    ),
    "fork_session": Operation(
        tag=TAG,
        description=(
            "A new active session with the name, channel, context, tags and messages of this one, up to and with "
            "`after_seq`; they keep their ids and times and are numbered from 1. Feedback is not copied: it belongs to "
            "the message it was given to, and statistics count it once."
        ),
        body=Fork,
        examples={"Everything": {}, "The first ten messages": {"after_seq": 10}},
        replies={201: Reply("The new session.", Session, ("ETag", "Location"), examples.SESSION)},
    ),
    "share_session": Operation(
        tag=TAG,
        description=(
            "A read-only link for people who have no account. It shows the messages up to `up_to_seq` that are there "
            "now, as they are when somebody looks: a redaction shows at once, and the link ends with the session. "
            "The address is a secret: it is told only here, only its hash is stored. A session has at most 50 links."
        ),
        body=ShareSession,
        examples={"For a week": {"expires_in_seconds": 604_800}, "The first ten messages": {"up_to_seq": 10}},
        replies={201: Reply("The link.", NewLink, example=examples.LINK | examples.LINK_ADDRESS)},
        errors=(TooManySharesError,),
    ),
    "list_shares": Operation(
        tag=TAG,
        description="The links that work, oldest first; their addresses are not known any more.",
        parameters=(limit(100, 20), CURSOR),
        replies={
            200: Reply(
                "A page of them.", LinkList, example={"data": [examples.LINK], "has_more": False, "next_cursor": None}
            )
        },
    ),
    "revoke_share": Operation(
        tag=TAG,
        description="The link stops to work at once.",
        replies={204: Reply("Revoked.")},
        errors=(ShareNotFoundError,),
    ),
    "view_share": Operation(
        tag="Shared",
        description="What a link shows, to anybody who has it: role, content and time. It is not for search engines.",
        parameters=(limit(200, 50), CURSOR),
        replies={200: Reply("A page, oldest message first.", SharedSession, example=examples.SHARED)},
        errors=(ShareNotFoundError, BadRequestError),
        public=True,
    ),
    "session_stats": Operation(
        tag=TAG,
        description="Counts of the messages that the session has.",
        replies={200: Reply("The counts.", SessionStats, example=examples.SESSION_STATS)},
    ),
}
