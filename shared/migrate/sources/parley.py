"""Parley's own NDJSON export: a line for a session, then a line for each of its messages."""

from collections.abc import Sequence
from itertools import pairwise

from shared.migrate.record import Conversation, Fields, Key, Record, RecordError, SessionRecords, Turn
from shared.migrate.source import Source
from shared.models import JsonObject

SAID_BY_OTHERS = ("type", "id", "user_id", "is_active", "message_count", "last_message_at")


class Parley(Source):
    """Everything comes back as it was, numbers included; several parts of one export may follow one another."""

    name = "parley"
    summary = "Parley's own export (format=ndjson), of a session or of everything a user has"

    def key(self, record: Record) -> Key:
        """Return the owner and the session's id."""
        kind = record.value.get("type")
        if kind not in {"session", "message"}:
            raise RecordError("neither a session nor a message")
        return Key(record.value.get("user_id"), record.value.get("id" if kind == "session" else "session_id"))

    def conversation(self, key: Key, records: Sequence[Record]) -> Conversation:
        """Return a session whose messages are all there, as it was when it was written last."""
        sessions = [record for record in records if record.value["type"] == "session"]
        if not sessions:
            raise RecordError("messages without the line of their session")
        own = max(sessions, key=lambda record: str(record.value.get("updated_at")))
        lines, duplicates = _in_order([record for record in records if record.value["type"] == "message"])
        _require_complete(own.value, lines)
        duplicates += [record for record in sessions if record is not own]
        fields = Fields(own.value).without(*SAID_BY_OTHERS)
        return Conversation(
            key=key,
            records=records,
            session_records=SessionRecords([own], duplicates),
            turns=[_turn(record) for record in lines],
            whole=True,
            exact=True,
            last_seq=lines[-1].value["seq"] if lines else None,
            name=fields.take("session_name"),
            is_active=fields.take("status") != "archived",
            archived_at=fields.take("archived_at"),
            channel=fields.take("channel"),
            tags=fields.take("tags"),
            pinned=fields.take("pinned"),
            created_at=fields.take("created_at"),
            updated_at=fields.take("updated_at"),
            last_activity_at=fields.take("last_activity_at"),
            ttl_seconds=fields.take("ttl_seconds"),
            expires_at=fields.take("expires_at"),
            context=fields.rest("context"),
        )


def _in_order(lines: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """Return the messages by number, and those lines that repeat another one, as overlapping parts of an export do."""
    by_seq: dict[int, Record] = {}
    repeated = []
    for line in lines:
        seq = line.value.get("seq")
        if not isinstance(seq, int):
            raise RecordError("a message without a number")
        first = by_seq.setdefault(seq, line)
        if first is not line:
            repeated.append(line)
        if first.value != line.value:
            raise RecordError("two different messages with one number")
    return [by_seq[seq] for seq in sorted(by_seq)], repeated


def _require_complete(session: JsonObject, lines: Sequence[Record]) -> None:
    """Refuse what an export that was cut off, or not followed to its end, would lose."""
    count = session.get("message_count")
    gaps = any(later.value["seq"] != line.value["seq"] + 1 for line, later in pairwise(lines))
    if gaps or (isinstance(count, int) and len(lines) < count):
        raise RecordError("messages are missing", f"{len(lines)} of {count}; follow the export to its end")


def _turn(record: Record) -> Turn:
    fields = Fields(record.value).without("type", "session_id", "user_id", "message_type", "seq")
    return Turn(
        record=record,
        id=fields.take("id"),
        role=fields.take("role"),
        content=fields.take("content"),
        time=fields.take("created_at"),
        name=fields.take("name"),
        persona=fields.take("persona"),
        tool_call_id=fields.take("tool_call_id"),
        audio_files=fields.take("audio_files"),
        transcription_confidence=fields.take("transcription_confidence"),
        function_calls=fields.take("function_calls"),
        feedback=fields.take("feedback"),
        raw=fields.take("raw"),
        edited_at=fields.take("edited_at"),
        metadata=fields.rest(),
    )
