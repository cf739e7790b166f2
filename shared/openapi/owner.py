"""What the operations on all that an owner has, and on the service itself, do."""

from collections.abc import Mapping

from shared.http.operations import MAX_DAYS, USUAL_DAYS
from shared.http.problems import UnknownFileError
from shared.models import CHANNEL, ROLE_ALIASES, ROLES, SESSION_ID, OwnerStats
from shared.openapi import examples
from shared.openapi.bodies import ErasedData, Health, HitList
from shared.openapi.operation import Operation, Parameter, Reply
from shared.openapi.parameters import CURSOR, IF_NOT_SEEN, limit

SERVICE = "Service"

OPERATIONS: Mapping[str, Operation] = {
    "erase_owner": Operation(
        tag="Owner",
        description="Erase every session and message that the owner has. Repeat it while `done` is false.",
        replies={
            200: Reply(
                "What was erased.",
                ErasedData,
                example={"deleted": {"sessions": 12, "messages": 340}, "done": True},
            )
        },
    ),
    "owner_stats": Operation(
        tag="Owner",
        description=(
            "Counts of everything the owner has, and of the messages of the last days, oldest day first. A fork is a "
            "session with messages of its own, without the feedback of those it was made from."
        ),
        parameters=(
            Parameter(
                "days",
                {"type": "integer", "minimum": 1, "maximum": MAX_DAYS, "default": USUAL_DAYS},
                "How many days, today included, UTC.",
            ),
        ),
        replies={200: Reply("The counts.", OwnerStats, example=examples.OWNER_STATS)},
    ),
    "search_messages": Operation(
        tag="Owner",
        description=(
            "Messages that hold a text (see *Texts are compared*), archived sessions included; newest session first, "
            "in it newest message first. One answer looks at a bounded number of messages: follow `next_cursor` while "
            "`has_more` is true, also from a page without hits."
        ),
        parameters=(
            Parameter(
                "q", {"type": "string", "minLength": 1, "maxLength": 200}, "The text to look for.", required=True
            ),
            Parameter("channel", {"type": "string", "pattern": f"^{CHANNEL.pattern}$"}, "Only in this channel."),
            Parameter("role", {"type": "string", "enum": [*ROLES, *ROLE_ALIASES]}, "Only of this role."),
            Parameter("session_id", {"type": "string", "pattern": f"^{SESSION_ID.pattern}$"}, "Only in this session."),
            limit(100, 20),
            CURSOR,
        ),
        replies={200: Reply("A page.", HitList, example=examples.HITS)},
    ),
    "export_owner": Operation(
        tag="Owner",
        description=(
            "Everything the owner has, as lines of JSON: `{type: session, …}`, then its messages as "
            "`{type: message, session_id, …}`. An answer holds up to 8 MiB; `x-next-cursor` leads on as `cursor`."
        ),
        parameters=(CURSOR,),
        replies={
            200: Reply(
                "The lines, or the next part of them.",
                headers=("Content-Disposition", "x-next-cursor"),
                texts=("application/x-ndjson",),
            )
        },
    ),
    "health": Operation(
        tag=SERVICE,
        description="Whether the store answers, and how fast; the answer is good for two seconds. Needs no owner.",
        replies={200: Reply("It does.", Health, example={"status": "ok", "store": "cosmos", "latency_ms": 4.2})},
        public=True,
    ),
    "openapi": Operation(
        tag=SERVICE,
        description="This document.",
        replies={200: Reply("OpenAPI 3.1.", dict[str, object], ("ETag",)), 304: Reply("Unchanged.", headers=("ETag",))},
        parameters=(IF_NOT_SEEN,),
        public=True,
        asks_store=False,
    ),
    "docs_page": Operation(
        tag=SERVICE,
        description="A page to read this document and to send requests from.",
        replies={
            200: Reply("The page.", headers=("ETag",), texts=("text/html",)),
            304: Reply("Unchanged.", headers=("ETag",)),
            308: Reply("The page is there, without the slash at the end.", headers=("Location",)),
        },
        parameters=(IF_NOT_SEEN,),
        public=True,
        asks_store=False,
    ),
    "docs_file": Operation(
        tag=SERVICE,
        description="A file of that page.",
        replies={
            200: Reply("The file.", headers=("ETag",), texts=("text/css", "text/javascript")),
            304: Reply("Unchanged.", headers=("ETag",)),
        },
        errors=(UnknownFileError,),
        parameters=(IF_NOT_SEEN,),
        public=True,
        asks_store=False,
    ),
}
