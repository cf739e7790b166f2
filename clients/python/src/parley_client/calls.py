"""Every request that the clients send, as data: no I/O here, so that both clients send the same."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

JsonObject = dict[str, Any]

CHAT: Final = "/api/chat"
HEADER_TEXT: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


@dataclass(frozen=True, slots=True)
class Call:
    """A request; every one of them may be sent again when its answer was lost.

    `gone_is_done`: on a repeat, 404 says that the first one was carried out.
    """

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: JsonObject | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    gone_is_done: bool = False

    def content(self) -> bytes | None:
        """Return the body as JSON; ValueError for what JSON cannot say, such as NaN."""
        if self.body is None:
            return None
        try:
            return json.dumps(self.body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        except UnicodeEncodeError:  # a lone surrogate; escaped, Parley can say where it stands
            return json.dumps(self.body, allow_nan=False).encode()

    def owner(self, user: str | None) -> str | None:
        """Return whose request this is: that of the client's user, else of one whom it names itself."""
        return user or str(self.query.get("user_id") or (self.body or {}).get("user_id") or "") or None

    def behind(self, cursor: str) -> "Call":
        """Return the request for the page behind a cursor."""
        kept = {name: value for name, value in self.query.items() if name not in {"after", "before"}}
        return replace(self, query={**kept, "cursor": cursor})


def base_url(url: str) -> str:
    """Return where Parley is, whether or not the address given goes on to its routes."""
    return re.sub(r"/api(/chat)?$", "", url.rstrip("/"))


def identity(user: str | None) -> tuple[dict[str, str], dict[str, str]]:
    """Return the header, or the query parameter where no header can hold the name, that says whose request it is."""
    if user is None:
        return {}, {}
    return ({"x-user-id": user}, {}) if HEADER_TEXT.fullmatch(user) else ({}, {"user_id": user})


def _given(**fields: Any) -> JsonObject:  # noqa: ANN401 - whatever JSON can hold
    return {name: value for name, value in fields.items() if value is not None}


def _segment(identifier: str) -> str:
    """Return an id as part of a path; ValueError for what would lead to another route."""
    if identifier in {"", ".", ".."}:
        raise ValueError(f"{identifier!r} is no id")
    return quote(identifier, safe="")


def _session(session_id: str) -> str:
    return f"{CHAT}/sessions/{_segment(session_id)}"


def _named(messages: tuple[JsonObject, ...]) -> list[JsonObject]:
    """Give each message an id, by which Parley recognises a repeat."""
    return [message if message.get("id") else {**message, "id": str(uuid4())} for message in messages]


def create_session(fields: JsonObject) -> Call:
    """Create a session, under a key of its own unless it has an id."""
    headers = {} if fields.get("id") else {"idempotency-key": str(uuid4())}
    return Call("POST", f"{CHAT}/sessions", body=fields, headers=headers)


def append(session_id: str, messages: tuple[JsonObject, ...]) -> Call:
    """Append 1 to 20 messages to a session."""
    return Call("POST", f"{_session(session_id)}/messages", body={"messages": _named(messages)})


def append_anywhere(messages: tuple[JsonObject, ...], target: JsonObject) -> Call:
    """Append 1 to 20 messages to a session that is made if need be; the id of a new one is chosen here."""
    session_id = target.get("session_id") or str(uuid4())
    return Call("POST", f"{CHAT}/messages", body={**target, "session_id": session_id, "messages": _named(messages)})


def read_session(session_id: str, limit: int) -> Call:
    """Read a session with its newest messages."""
    return Call("GET", _session(session_id), {"limit": limit})


def list_sessions(filters: JsonObject) -> Call:
    """List sessions, a page of them."""
    return Call("GET", f"{CHAT}/sessions", {"limit": 100, **_given(**filters)})


def list_messages(session_id: str, query: JsonObject) -> Call:
    """List messages, a page of them."""
    return Call("GET", f"{_session(session_id)}/messages", {"limit": 200, **_given(**query)})


def stats(session_id: str) -> Call:
    """Count a session's messages."""
    return Call("GET", f"{_session(session_id)}/stats")


def change_session(session_id: str, changes: JsonObject) -> Call:
    """Change a session."""
    return Call("PATCH", _session(session_id), body=changes)


def archive(session_id: str) -> Call:
    """Archive a session."""
    return Call("POST", f"{_session(session_id)}/archive")


def restore(session_id: str) -> Call:
    """Restore a session."""
    return Call("POST", f"{_session(session_id)}/restore")


def delete_session(session_id: str) -> Call:
    """Delete a session."""
    return Call("DELETE", _session(session_id), gone_is_done=True)


def clear(session_id: str) -> Call:
    """Remove a session's messages."""
    return Call("DELETE", f"{_session(session_id)}/messages")


def change_message(session_id: str, message_id: str, changes: JsonObject) -> Call:
    """Give a message metadata or feedback."""
    return Call("PATCH", f"{_session(session_id)}/messages/{_segment(message_id)}", body=changes)


def redact_message(session_id: str, message_id: str) -> Call:
    """Take away what a message says."""
    return Call("DELETE", f"{_session(session_id)}/messages/{_segment(message_id)}")


def search(text: str, filters: JsonObject) -> Call:
    """Search messages, a page of them."""
    return Call("GET", f"{CHAT}/search", {"q": text, **_given(**filters)})


def export(session_id: str | None) -> Call:
    """Export a session, or everything, as lines of JSON, a part of it."""
    if session_id is None:
        return Call("GET", f"{CHAT}/export")
    return Call("GET", f"{_session(session_id)}/export", {"format": "ndjson"})


def erase() -> Call:
    """Erase everything the user has."""
    return Call("DELETE", f"{CHAT}/data")
