"""Query parameters and headers that several operations take."""

from shared.models import JsonObject
from shared.openapi.operation import Parameter

TAGS: JsonObject = {"type": "string"}

CURSOR = Parameter("cursor", {"type": "string"}, "Where to go on: `next_cursor` of the page before.")
IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    {"type": "string", "pattern": "^[!-~]{0,128}$"},
    "A key of your own, new for each request; a repeat with the same key and body finds what is stored: a session as "
    "long as it exists, messages as long as their ids are recognised. An empty one counts as absent.",
    "header",
)
IF_MATCH = Parameter("If-Match", TAGS, "An `ETag`: change this version only, else 412.", "header")
IF_NONE_MATCH = Parameter("If-None-Match", TAGS, "An `ETag`: answer 304 while the session has this version.", "header")
IF_NOT_SEEN = Parameter("If-None-Match", TAGS, "An `ETag`: answer 304 while it is the same.", "header")


def limit(most: int, usual: int, description: str = "How many at most.") -> Parameter:
    """Return the parameter that bounds a page."""
    return Parameter("limit", {"type": "integer", "minimum": 1, "maximum": most, "default": usual}, description)
