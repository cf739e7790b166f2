"""Every request that the clients send, as data, with the type of its answer: both clients send the same."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote
from uuid import uuid4

from parley_client.answers import (
    Appended,
    EditedMessage,
    Erased,
    Health,
    Hit,
    Message,
    NewLink,
    OwnerStats,
    Prompt,
    Session,
    SessionStats,
    SessionWithMessages,
    SharedLink,
)

JsonObject = dict[str, Any]
Fields = Mapping[str, Any]
Found = TypeVar("Found")

CHAT: Final = "/api/chat"
HEADER_TEXT: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


@dataclass(frozen=True, slots=True)
class Call(Generic[Found]):
    """A request that `Found` answers, or pages of it.

    It may be sent again when its answer was lost, but for one that is not `repeatable`.
    `gone_is_done`: on a repeat, 404 says that the first one was carried out.
    `silence_seconds`: the answer is a stream, which is lost when it says nothing for so long.
    """

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Fields | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    gone_is_done: bool = False
    repeatable: bool = True
    silence_seconds: float | None = None

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

    def behind(self, cursor: str) -> "Call[Found]":
        """Return the request for the page behind a cursor."""
        kept = {name: value for name, value in self.query.items() if name not in {"after", "before"}}
        return replace(self, query={**kept, "cursor": cursor})


def base_url(url: str) -> str:
    """Return where Parley is, whether or not the address given goes on to its routes; ValueError without a scheme."""
    if not re.match(r"https?://", url, re.IGNORECASE):
        raise ValueError(f"An address begins with http:// or https://, and this one does not: {url}")
    return re.sub(r"/api(/chat)?$", "", url.rstrip("/"))


def identity(user: str | None) -> tuple[dict[str, str], dict[str, str]]:
    """Return the header, or the query parameter where no header can hold the name, that says whose request it is."""
    if user is None:
        return {}, {}
    return ({"x-user-id": user}, {}) if HEADER_TEXT.fullmatch(user) else ({}, {"user_id": user})


def _given(**fields: Any) -> JsonObject:  # noqa: ANN401 - whatever JSON can hold
    return {name: value for name, value in fields.items() if value is not None}


def segment(identifier: str) -> str:
    """Return an id as part of a path; ValueError for what would lead to another route."""
    if identifier in {"", ".", ".."}:
        raise ValueError(f"{identifier!r} is no id")
    return quote(identifier, safe="")


def session_path(session_id: str) -> str:
    """Return the path of a session."""
    return f"{CHAT}/sessions/{segment(session_id)}"


def _message(session_id: str, message_id: str) -> str:
    return f"{session_path(session_id)}/messages/{segment(message_id)}"


def named(messages: Sequence[Fields]) -> list[Fields]:
    """Give each message an id, by which Parley recognises a repeat."""
    return [message if message.get("id") else {**message, "id": str(uuid4())} for message in messages]


def some_session(target: Fields) -> JsonObject:
    """Give a body a session of its own unless it names one, so that a repeat finds it."""
    return {**target, "session_id": target.get("session_id") or str(uuid4())}


def _if_match(etag: str | None) -> dict[str, str]:
    return {"if-match": etag} if etag else {}


def create_session(fields: Fields) -> Call[Session]:
    """Create a session, under a key of its own unless it has an id."""
    headers = {} if fields.get("id") else {"idempotency-key": str(uuid4())}
    return Call("POST", f"{CHAT}/sessions", body=fields, headers=headers)


def append(session_id: str, messages: Sequence[Fields], if_match: str | None = None) -> Call[Appended]:
    """Append 1 to 200 messages to a session."""
    body = {"messages": named(messages)}
    return Call("POST", f"{session_path(session_id)}/messages", body=body, headers=_if_match(if_match))


def append_anywhere(messages: Sequence[Fields], target: Fields, if_match: str | None = None) -> Call[Appended]:
    """Append 1 to 200 messages to a session that is made if need be; the id of a new one is chosen here."""
    body = {**some_session(target), "messages": named(messages)}
    return Call("POST", f"{CHAT}/messages", body=body, headers=_if_match(if_match))


def replace_tail(
    session_id: str, messages: Sequence[Fields], after: int, if_match: str | None = None
) -> Call[Appended]:
    """Let 0 to 200 messages be what follows a seq."""
    body = {"messages": named(messages)}
    return Call("PUT", f"{session_path(session_id)}/messages", {"after": after}, body, _if_match(if_match))


def read_session(session_id: str, limit: int) -> Call[SessionWithMessages]:
    """Read a session with its newest messages."""
    return Call("GET", session_path(session_id), {"limit": limit})


def list_sessions(filters: Fields) -> Call[Session]:
    """List sessions, a page of them."""
    return Call("GET", f"{CHAT}/sessions", {"limit": 100, **_given(**filters)})


def list_messages(session_id: str, query: Fields) -> Call[Message]:
    """List messages, a page of them."""
    return Call("GET", f"{session_path(session_id)}/messages", {"limit": 200, **_given(**query)})


def prompt(session_id: str, last: int) -> Call[Prompt]:
    """List the newest messages as a chat completions API takes them."""
    return Call("GET", f"{session_path(session_id)}/messages", {"last": last, "format": "openai"})


def read_message(session_id: str, message_id: str) -> Call[Message]:
    """Read a message."""
    return Call("GET", _message(session_id, message_id))


def stats(session_id: str) -> Call[SessionStats]:
    """Count a session's messages."""
    return Call("GET", f"{session_path(session_id)}/stats")


def change_session(session_id: str, changes: Fields, if_match: str | None = None) -> Call[Session]:
    """Change a session."""
    return Call("PATCH", session_path(session_id), body=changes, headers=_if_match(if_match))


def archive(session_id: str, if_match: str | None = None) -> Call[Session]:
    """Archive a session."""
    return Call("POST", f"{session_path(session_id)}/archive", headers=_if_match(if_match))


def restore(session_id: str, if_match: str | None = None) -> Call[Session]:
    """Restore a session."""
    return Call("POST", f"{session_path(session_id)}/restore", headers=_if_match(if_match))


def delete_session(session_id: str, if_match: str | None = None) -> Call[None]:
    """Delete a session."""
    return Call("DELETE", session_path(session_id), headers=_if_match(if_match), gone_is_done=True)


def clear(session_id: str, after: int | None = None, if_match: str | None = None) -> Call[None]:
    """Remove a session's messages, or those that are newer than a seq."""
    return Call("DELETE", f"{session_path(session_id)}/messages", _given(after=after), headers=_if_match(if_match))


def fork(session_id: str, after_seq: int | None) -> Call[Session]:
    """Fork a session."""
    return Call("POST", f"{session_path(session_id)}/fork", body=_given(after_seq=after_seq), repeatable=False)


def share(session_id: str, fields: Fields) -> Call[NewLink]:
    """Make a link to a session."""
    return Call("POST", f"{session_path(session_id)}/share", body=fields, repeatable=False)


def list_shares(session_id: str) -> Call[SharedLink]:
    """List the links to a session, a page of them."""
    return Call("GET", f"{session_path(session_id)}/share", {"limit": 100})


def revoke_share(session_id: str, share_id: str) -> Call[None]:
    """Revoke a link."""
    return Call("DELETE", f"{session_path(session_id)}/share/{segment(share_id)}", gone_is_done=True)


def change_message(
    session_id: str, message_id: str, changes: Fields, if_match: str | None = None
) -> Call[EditedMessage]:
    """Give a message metadata or feedback."""
    return Call("PATCH", _message(session_id, message_id), body=changes, headers=_if_match(if_match))


def replace_message(
    session_id: str, message_id: str, message: Fields, if_match: str | None = None
) -> Call[EditedMessage]:
    """Put another message in the place of one."""
    return Call("PUT", _message(session_id, message_id), body=message, headers=_if_match(if_match))


def redact_message(session_id: str, message_id: str, if_match: str | None = None) -> Call[None]:
    """Take away what a message says."""
    return Call("DELETE", _message(session_id, message_id), headers=_if_match(if_match))


def search(text: str, filters: Fields) -> Call[Hit]:
    """Search messages, a page of them."""
    return Call("GET", f"{CHAT}/search", {"q": text, **_given(**filters)})


def export(session_id: str | None) -> Call[JsonObject]:
    """Export a session, or everything, as lines of JSON, a part of it."""
    if session_id is None:
        return Call("GET", f"{CHAT}/export")
    return Call("GET", f"{session_path(session_id)}/export", {"format": "ndjson"})


def owner_stats(days: int) -> Call[OwnerStats]:
    """Count everything the user has."""
    return Call("GET", f"{CHAT}/stats", {"days": days})


def erase() -> Call[Erased]:
    """Erase everything the user has."""
    return Call("DELETE", f"{CHAT}/data")


def health() -> Call[Health]:
    """Ask whether the store answers."""
    return Call("GET", "/api/health")
