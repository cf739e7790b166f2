"""Records and entries of pydantic-ai conversations in Parley, as steps for either client.

A conversation is a session that holds all of its entries, those of branches it left and those it was forked with. Its
record stands in `raw` of the message that was written with it: in the newest message that has one. So a save is one
append, which depends on the etag of what was read.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_ai.conversation_store import ConversationConflict, ConversationEntry, ConversationRecord

from parley_client import calls
from parley_client.answers import Message
from parley_client.errors import ParleyError
from parley_client.exchange import Steps
from parley_client.frameworks.history import History, batches, or_nothing
from parley_client.frameworks.mapping import Readable, to_message
from parley_client.frameworks.pydantic_ai_mapping import (
    FRAMEWORK,
    entry_of,
    held_by,
    message_id_for,
    record_in,
    stored,
    with_record,
)
from parley_client.names import NAME_CHARACTERS

HOMES: Final = 8  # conversations that an entry is sought in whose conversation is not known
REMEMBERED: Final = 1024  # conversations and heads
TAG_CHARACTERS: Final = 58
CHANGED: Final = frozenset({"precondition_failed", "session_exists", "session_not_found", "session_archived"})


@dataclass(frozen=True)
class Stored:
    """A conversation's record, the message that holds it, and the session's etag when it was read or written."""

    record: ConversationRecord | None
    holder: Message | None
    etag: str

    @property
    def revision(self) -> str | None:
        """Return the record's revision, None where there is no record."""
        return self.record.revision if self.record else None


@dataclass
class Log:
    """Messages of a session, as far back as they have been read."""

    session_id: str
    messages: dict[int, Message] = field(default_factory=dict)
    older: Any = None

    def read(self, limit: int) -> Steps[bool]:
        """Read the next older messages; return whether there were any."""
        if self.older is None and self.messages:
            return False
        call = self.older or calls.list_messages(self.session_id, {"order": "desc", "limit": limit})
        page = yield from or_nothing(call)
        if page is None:
            return False
        self.messages |= {message["seq"]: message for message in page["data"]}
        self.older = call.behind(page["next_cursor"]) if page["has_more"] else None
        return bool(page["data"])


class Conversations:
    """Every conversation of a user; what it remembers saves requests and decides nothing."""

    def __init__(self, channel: str) -> None:
        """Keep them in sessions of this channel."""
        self._channel = channel
        self._seen: OrderedDict[str, Stored] = OrderedDict()
        self._homes: OrderedDict[str, list[str]] = OrderedDict()  # conversations by the heads and branches they had

    def record(self, conversation_id: str) -> Steps[ConversationRecord | None]:
        """Return a conversation's record."""
        found = yield from self._read(conversation_id)
        return found.record if found else None

    def records(self, scope: str | None, limit: int | None) -> Steps[list[ConversationRecord]]:
        """Return records, the newest first."""
        found: list[ConversationRecord] = []
        tag = None if scope is None else tag_of(scope)
        call: Any = calls.list_sessions({"channel": self._channel, "status": "all", "tag": tag})
        while call:
            page = yield call
            for session in page["data"]:
                if limit is not None and len(found) >= limit:
                    return found
                record = yield from self.record(session["context"].get("original_id", session["id"]))
                if record and scope in {None, record.scope}:
                    found.append(record)
            call = call.behind(page["next_cursor"]) if page["has_more"] else None
        return sorted(found, key=lambda record: record.updated_at, reverse=True)

    def write(
        self, record: ConversationRecord, new: Sequence[ConversationEntry], expected_revision: str | None
    ) -> Steps[None]:
        """Store a record with new entries, if the stored one has that revision."""
        found = self._seen.get(record.conversation_id)
        if expected_revision is None:
            found = None  # as far as is known; else it cannot be created
        elif found is None or found.revision != expected_revision:
            found = yield from self._read(record.conversation_id)
        entries = list(new)
        if expected_revision is None:
            entries = [*(yield from self._forked(record, new)), *new]
        while found is None or found.revision != record.revision:  # else it is stored: by a try whose answer was lost
            if (found.revision if found else None) != expected_revision:
                raise ConversationConflict(record.conversation_id)
            try:
                yield from self._write(record, entries, found or (yield from self._create(record)))
            except ParleyError as error:
                if error.code not in CHANGED:
                    raise
                if error.code == "session_archived":
                    yield calls.restore(self._session_id(record.conversation_id))
                found = yield from self._read(record.conversation_id)
            else:
                return

    def delete(self, conversation_id: str, expected_revision: str) -> Steps[None]:
        """Delete a conversation with all of its entries, if the stored record has that revision."""
        while True:
            found = yield from self._read(conversation_id)
            if found is None or found.revision != expected_revision:
                raise ConversationConflict(conversation_id)
            try:
                yield calls.delete_session(self._session_id(conversation_id), found.etag)
            except ParleyError as error:
                if error.code not in {"precondition_failed", "session_not_found"}:
                    raise
            else:
                self._seen.pop(conversation_id, None)
                return

    def history(self, head_id: str | None, limit: int | None) -> Steps[list[ConversationEntry]]:
        """Return the entries up to a head, oldest first; LookupError where a conversation read before has none such."""
        if head_id is None or limit == 0:
            return []
        for conversation_id in self._candidates(head_id):
            entries = yield from self._chain(conversation_id, head_id, limit)
            if entries is not None:
                return entries
        raise LookupError(head_id)

    def _candidates(self, entry_id: str) -> list[str]:
        """Return the conversations that may have an entry, the likeliest first."""
        return (self._homes.get(entry_id) or list(self._seen)[-HOMES:])[::-1]

    def _chain(self, conversation_id: str, head_id: str, limit: int | None) -> Steps[list[ConversationEntry] | None]:
        """Return the entries of one conversation up to a head; None where it has not all of them."""
        log = Log(self._session_id(conversation_id))
        most = 200 if limit is None else min(200, 2 * limit + 5)
        entries: list[ConversationEntry] = []
        wanted: str | None = head_id
        while wanted is not None and (limit is None or len(entries) < limit):
            place = _find(log, wanted)
            if place is None:
                if not (yield from log.read(most)):
                    return None
                continue
            wanted, entry = place
            entries += [entry] if entry else []
        return entries[::-1]

    def _read(self, conversation_id: str) -> Steps[Stored | None]:
        session_id = self._session_id(conversation_id)
        session = yield from or_nothing(calls.read_session(session_id, 1))
        if session is None:
            return None
        messages: list[Message] = session["messages"][::-1]
        call: Any = calls.list_messages(session_id, {"order": "desc", "cursor": session["next_cursor"]})
        more = session["has_more"]
        while True:
            for message in messages:
                if record := record_in(message):
                    return self._remember(conversation_id, Stored(record, message, session["etag"]))
            if not more:
                return Stored(None, None, session["etag"])
            page = yield call
            messages, more = page["data"], page["has_more"]
            call = call.behind(page["next_cursor"]) if more else None

    def _remember(self, conversation_id: str, found: Stored) -> Stored:
        self._seen[conversation_id] = found
        self._seen.move_to_end(conversation_id)
        record = found.record
        for head in [record.head_id, *record.branches] if record else []:
            if head is not None:
                self._at_home(head, conversation_id)
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return found

    def _at_home(self, entry_id: str, conversation_id: str) -> None:
        """Remember that a conversation has an entry; a fork has those of its source, too."""
        others = [home for home in self._homes.get(entry_id, []) if home != conversation_id]
        self._homes[entry_id] = [*others[1 - HOMES :], conversation_id]
        self._homes.move_to_end(entry_id)
        while len(self._homes) > REMEMBERED:
            self._homes.popitem(last=False)

    def _forked(self, record: ConversationRecord, new: Sequence[ConversationEntry]) -> Steps[list[ConversationEntry]]:
        """Return the entries before the new ones: a fork has them for itself, and so survives what it came from."""
        head = new[0].parent_id if new else record.head_id
        if head and record.forked_from:
            self._at_home(head, record.forked_from)
        try:
            return (yield from self.history(head, None))
        except LookupError:
            raise ConversationConflict(record.conversation_id) from None

    def _create(self, record: ConversationRecord) -> Steps[Stored]:
        fields: dict[str, Any] = {"id": self._session_id(record.conversation_id), "channel": self._channel}
        if record.scope is not None:
            fields["tags"] = [tag_of(record.scope)]
        if fields["id"] != record.conversation_id:
            fields["session_name"] = record.conversation_id[:NAME_CHARACTERS]
            fields["context"] = {"original_id": record.conversation_id}
        session = yield calls.create_session(fields)
        return Stored(None, None, session["etag"])

    def _write(self, record: ConversationRecord, entries: Sequence[ConversationEntry], found: Stored) -> Steps[None]:
        session_id = self._session_id(record.conversation_id)
        messages: list[dict[str, Any]] = [message for entry in entries for message in stored(entry)]
        if not messages and found.holder:
            changed = with_record(found.holder, record)
            fields = {name: value for name, value in changed.items() if name != "id"}
            answer = yield calls.replace_message(session_id, found.holder["id"], fields, found.etag)
            self._remember(record.conversation_id, Stored(record, answer, answer["etag"]))
            return
        if not messages:
            messages = [{"id": f"record-{record.revision}", **to_message(FRAMEWORK, {}, Readable(role="tool"))}]
        messages[-1] = with_record(messages[-1], record)
        etag = found.etag
        for batch in batches(messages):
            answer = yield calls.append(session_id, batch, etag)
            etag = answer["etag"]
        self._remember(record.conversation_id, Stored(record, answer["messages"][-1], etag))

    def _session_id(self, conversation_id: str) -> str:
        return History(conversation_id, self._channel).session_id


def tag_of(scope: str) -> str:
    """Return the tag of the conversations of a scope."""
    plain = 0 < len(scope) <= TAG_CHARACTERS and scope.isprintable()
    return f"scope:{scope if plain else hashlib.sha256(scope.encode(errors='surrogatepass')).hexdigest()[:40]}"


def _find(log: Log, entry_id: str) -> tuple[str | None, ConversationEntry | None] | None:
    """Return the entry's parent, and the entry if it was not redacted; None where it has not been read."""
    for seq, message in log.messages.items():
        if message["id"] != message_id_for(entry_id):
            continue
        held = held_by(message)
        if held and "entry" in held:
            places = range(seq - held["before"], seq)
            if any(place not in log.messages for place in places) and log.older:
                return None
            entry = entry_of(held, [log.messages[place] for place in places if place in log.messages])
            return entry.parent_id, entry
        return _before(log, seq)
    return None


def _before(log: Log, seq: int) -> tuple[str | None, None] | None:
    """Return the entry that was written before a redacted one, which no longer says what it came after."""
    for place in sorted((number for number in log.messages if number < seq), reverse=True):
        held = held_by(log.messages[place])
        if held and "entry" in held:
            return held["entry"]["id"], None
    return None if log.older else (None, None)
