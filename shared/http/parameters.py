"""Parameters of paths, and request headers, that more than one route has."""

import re
from collections.abc import Callable
from typing import NamedTuple

from shared.errors import MessageNotFoundError, ParleyError, SessionNotFoundError, ShareNotFoundError
from shared.http.problems import UnknownFileError
from shared.models import MESSAGE_ID, SESSION_ID, JsonObject


class PathParameter(NamedTuple):
    """A parameter of a path; `read` returns what a value means, or raises `error` where it can name nothing."""

    description: str
    example: str
    schema: JsonObject
    error: type[ParleyError]
    read: Callable[[str], str]


class RequestHeader(NamedTuple):
    """A header that a request may have."""

    name: str
    description: str
    pattern: str | None = None


def _matching(pattern: str, error: type[ParleyError], description: str, example: str) -> PathParameter:
    def read(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise error
        return value

    return PathParameter(description, example, {"type": "string", "pattern": f"^{pattern}$"}, error, read)


PATH_PARAMETERS = {
    "session_id": _matching(SESSION_ID.pattern, SessionNotFoundError, "The session's id.", "trip-2026"),
    "message_id": _matching(MESSAGE_ID.pattern, MessageNotFoundError, "The message's id.", "msg-1"),
    "share_id": _matching(r"[0-9a-f]{16}", ShareNotFoundError, "The link's id.", "9f2c4d1b7a3e5f60"),
    "token": _matching(
        r"[A-Za-z0-9_-]{43}",
        ShareNotFoundError,
        "The link's secret.",
        "Zk3vQ0bX8mT5rY1nC7wE2aH9dL4sP6uJ0gF3iK5oV8x",
    ),
    "file": _matching(r"[a-z][a-z.-]{0,63}", UnknownFileError, "The file's name.", "page.js"),
}

IDEMPOTENCY_KEY = RequestHeader(
    "Idempotency-Key",
    "A key of your own, new for each request; a repeat with the same key and body finds what is stored: a session as "
    "long as it exists, messages as long as their ids are recognised. An empty one counts as absent.",
    "^[!-~]{0,128}$",
)
IF_MATCH = RequestHeader("If-Match", "An `ETag`: change this version only, else 412.")
IF_NONE_MATCH = RequestHeader("If-None-Match", "An `ETag`: answer 304 while the session has this version.")
IF_NOT_SEEN = RequestHeader("If-None-Match", "An `ETag`: answer 304 while it is the same.")
