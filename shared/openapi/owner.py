"""What the operations on all that an owner has, and on the service itself, do."""

from collections.abc import Mapping

from shared.openapi.bodies import ErasedData, Health
from shared.openapi.operation import Operation, Reply
from shared.openapi.parameters import IF_NONE_MATCH

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
        parameters=(IF_NONE_MATCH,),
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
        parameters=(IF_NONE_MATCH,),
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
        parameters=(IF_NONE_MATCH,),
        public=True,
        asks_store=False,
    ),
}
