"""A LlamaIndex conversation as a queue whose oldest messages are archived or deleted, as steps for either client.

The message that bears the mark `archived_through` is archived with all before it, so that archiving is one write of one
message. What removes messages writes those after them anew, in one step that depends on nothing having changed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal
from uuid import uuid4

from parley_client import calls
from parley_client.answers import Message
from parley_client.calls import JsonObject
from parley_client.errors import ParleyError
from parley_client.exchange import Steps
from parley_client.frameworks.history import REQUEST_MESSAGES, History, batches, or_nothing
from parley_client.frameworks.mapping import is_redacted

STATUS: Final = "llama_index"  # in a message's metadata
THROUGH: Final = "archived_through"
ALONE: Final = "archived"
SENT: Final = ("role", "content", "name", "function_calls", "tool_call_id", "metadata", "raw")
Status = Literal["active", "archived"]


@dataclass(frozen=True)
class Entry:
    """A message and where it stands."""

    message: Message
    status: Status
    new_id: str | None = None


@dataclass(frozen=True)
class State:
    """Messages of one moment, oldest first, and the session's etag then; None where there is no session."""

    entries: Sequence[Entry] = ()
    etag: str | None = None

    def of(self, status: str | None) -> list[Entry]:
        """Return the messages of a status, or all."""
        return [entry for entry in self.entries if status in {None, entry.status}]


class Queue:
    """One conversation."""

    def __init__(self, key: str, channel: str) -> None:
        """Work on the session for a key."""
        self.history = History(key, channel)

    def read(self, status: str | None = None) -> Steps[State]:
        """Return the messages; where only active ones are wanted, those before the mark are not asked for."""
        session = yield from or_nothing(calls.read_session(self.history.session_id, REQUEST_MESSAGES))
        if session is None:
            return State()
        found: list[Message] = session["messages"][::-1]
        more = session["has_more"]
        while more and not (status == "active" and any(_mark(message) == THROUGH for message in found)):
            query = {"order": "desc", "before": found[-1]["seq"]}
            page = yield calls.list_messages(self.history.session_id, query)
            found += page["data"]
            more = page["has_more"]
        return State(_entries(found[::-1]), session["etag"])

    def add(self, messages: Sequence[JsonObject], status: str) -> Steps[None]:
        """Append messages."""
        yield from self.history.add(
            [_with_mark(message, ALONE if status == "archived" else None) for message in messages]
        )

    def put(self, messages: Sequence[JsonObject], status: str) -> Steps[None]:
        """Let these messages be all there are."""
        marked = [_with_mark(message, ALONE if status == "archived" else None) for message in messages]
        yield from self.history.replace(marked)

    def archive_oldest(self, count: int) -> Steps[list[Message]]:
        """Archive the oldest active messages, at most so many, and return them."""
        while True:
            state = yield from self.read("active")
            oldest = state.of("active")[: max(count, 0)]
            if not oldest:
                return []
            last = oldest[-1].message
            metadata = {**last["metadata"], STATUS: THROUGH}
            call = calls.change_message(self.history.session_id, last["id"], {"metadata": metadata}, state.etag)
            try:
                yield call
            except ParleyError as error:
                if error.code != "precondition_failed":
                    raise
                if not error.repeated or not (yield from self._is_archived(last)):
                    continue
            return [entry.message for entry in oldest]

    def _is_archived(self, message: Message) -> Steps[bool]:
        found = yield from or_nothing(calls.read_message(self.history.session_id, message["id"]))
        return bool(found) and _mark(found) == THROUGH

    def remove(self, chosen: Callable[[State], Sequence[Entry]], status: str | None = None) -> Steps[list[Message]]:
        """Remove the messages that are chosen of the present state, or of one status of it, and return them."""
        while True:
            state = yield from self.read(status)
            removed = chosen(state)
            if not removed:
                return []
            first, tail = _without(state, {entry.message["id"] for entry in removed})
            try:
                yield from self._cut(state, first, tail)
            except ParleyError as error:
                if error.code != "precondition_failed":
                    raise
                if not error.repeated or not (yield from self._is_cut(removed, tail)):
                    continue
            return [entry.message for entry in removed]

    def _cut(self, state: State, first: int, tail: Sequence[Entry]) -> Steps[None]:
        """Let these messages be what follows the first one removed; where they are too many, redact those instead."""
        after = state.entries[first].message["seq"] - 1
        sent = [_again(entry) for entry in tail]
        if not sent:
            yield calls.clear(self.history.session_id, after, state.etag)
        elif len(batches(sent)) == 1:
            yield calls.replace_tail(self.history.session_id, sent, after, state.etag)
        else:
            yield from self._redact(state, first, tail)

    def _redact(self, state: State, first: int, tail: Sequence[Entry]) -> Steps[None]:
        kept = {entry.message["seq"] for entry in tail}
        left = [entry.message for entry in tail if entry.status == "archived"]
        if left and any(_mark(entry.message) == THROUGH for entry in state.entries if entry.message["seq"] not in kept):
            metadata = {**left[-1]["metadata"], STATUS: THROUGH}
            yield calls.change_message(self.history.session_id, left[-1]["id"], {"metadata": metadata})
        for entry in state.entries[first:]:
            if entry.message["seq"] not in kept:
                yield calls.redact_message(self.history.session_id, entry.message["id"])

    def _is_cut(self, removed: Sequence[Entry], tail: Sequence[Entry]) -> Steps[bool]:
        """Return whether it was the first try, whose answer was lost, that has changed the conversation."""
        state = yield from self.read()
        there = {entry.message["id"] for entry in state.entries}
        if tail:
            return tail[0].new_id in there
        return there.isdisjoint(entry.message["id"] for entry in removed)

    def delete(self) -> Steps[list[Message] | None]:
        """Delete the session, and return what it held; None where there is none."""
        while True:
            state = yield from self.read()
            if state.etag is None:
                return None
            try:
                yield calls.delete_session(self.history.session_id, state.etag)
            except ParleyError as error:
                if error.code != "precondition_failed":
                    raise
                continue
            return [entry.message for entry in state.entries]


def keys(channel: str) -> Steps[list[str]]:
    """Return the keys of all conversations that have messages."""
    found: list[str] = []
    call: Any = calls.list_sessions({"channel": channel, "status": "all"})
    while call:
        page = yield call
        found += [
            session["context"].get("original_id", session["id"]) for session in page["data"] if session["message_count"]
        ]
        call = call.behind(page["next_cursor"]) if page["has_more"] else None
    return found


def _entries(messages: Sequence[Message]) -> list[Entry]:
    through = max((message["seq"] for message in messages if _mark(message) == THROUGH), default=0)
    return [
        Entry(message, "archived" if message["seq"] <= through or _mark(message) else "active")
        for message in messages
        if not is_redacted(message)
    ]


def _mark(message: Message) -> str | None:
    mark = message["metadata"].get(STATUS)
    return mark if mark in {THROUGH, ALONE} else None


def _with_mark(message: JsonObject, mark: str | None) -> JsonObject:
    return {**message, "metadata": {STATUS: mark}} if mark else message


def _without(state: State, removed: set[str]) -> tuple[int, list[Entry]]:
    """Return where to begin, and what is kept from there on, under new ids.

    With the same ids the same cut of another process would be taken for a repeat of this one.
    """
    marks = any(entry.message["id"] in removed and _mark(entry.message) == THROUGH for entry in state.entries)
    first = 0 if marks else next(n for n, entry in enumerate(state.entries) if entry.message["id"] in removed)
    kept = [entry for entry in state.entries[first:] if entry.message["id"] not in removed]
    return first, [replace(entry, new_id=str(uuid4())) for entry in kept]


def _again(entry: Entry) -> JsonObject:
    """Return a stored message as it is sent again, with a mark of its own."""
    fields: JsonObject = {
        name: value for name, value in entry.message.items() if name in SENT and value not in (None, [])
    }
    metadata = {name: value for name, value in entry.message["metadata"].items() if name != STATUS}
    return {
        "id": entry.new_id,
        "content": "",
        **fields,
        "metadata": metadata | ({STATUS: ALONE} if entry.status == "archived" else {}),
    }
