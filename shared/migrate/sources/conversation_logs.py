"""Seed 000: MongoDB's `conversation_logs`, one document a message before its own migration, one a session after."""

from collections import Counter
from collections.abc import Sequence

from shared.migrate.calls import api_fields
from shared.migrate.record import Conversation, Fields, Key, Record, Turn, as_list, digest, first_of, objects_in
from shared.migrate.source import Source, require_message
from shared.migrate.times import object_id_time, parse_time
from shared.models import JsonObject


class ConversationLogs(Source):
    """Both shapes, also of one session: a message that the session's document has too counts once."""

    name = "conversation-logs"
    summary = "MongoDB conversation_logs (mongoexport), a document for each message or for each session"
    extended_json = True

    def key(self, record: Record) -> Key:
        """Return the session's id; owners are not known here."""
        if "messages" not in record.value:
            require_message(record.value, "message_type", "content")
        return Key(None, record.value.get("session_id"))

    def conversation(self, key: Key, records: Sequence[Record]) -> Conversation:
        """Join the session's document, the first if there are several, with those of single messages."""
        single = [_turn(record, record.value) for record in records if "messages" not in record.value]
        sessions = [record for record in records if "messages" in record.value]
        if not sessions:
            return Conversation(key=key, records=records, turns=single)
        conversation = _session(key, records, sessions)
        conversation.turns += _new_ones(conversation.turns, single)
        said = {turn.record.number for turn in conversation.turns}
        again = [turn.record for turn in single if turn.record.number not in said]
        conversation.session_records.duplicates = [*conversation.session_records.duplicates, *again]
        return conversation


def _session(key: Key, records: Sequence[Record], sessions: Sequence[Record]) -> Conversation:
    own, about = first_of(sessions)
    fields = Fields(own.value).without("session_id")
    made = object_id_time(own.value.get("_id"))
    return Conversation(
        key=key,
        records=records,
        session_records=about,
        turns=[_turn(own, document) for document in objects_in(fields.take("messages"), "messages")],
        created_at=fields.take("created_at") or made,
        updated_at=fields.take("updated_at"),
        context=fields.rest("context"),
    )


def _turn(record: Record, document: JsonObject) -> Turn:
    fields = Fields(document).without("session_id")
    document_id = fields.take("_id")
    return Turn(
        record=record,
        id=document_id,
        role=fields.take_first("message_type", "role"),
        content=fields.take_text("content"),
        time=fields.take("timestamp"),
        fallback_time=object_id_time(document_id),
        persona=fields.take("persona"),
        audio_files=as_list(fields.take("audio_file")),
        transcription_confidence=fields.take("transcription_confidence"),
        **api_fields(fields),
        metadata=fields.rest(),
    )


def _new_ones(known: Sequence[Turn], turns: Sequence[Turn]) -> list[Turn]:
    """Return those of the turns that are not known, counting equal ones: what was said twice is there twice."""
    left = Counter(_said(turn) for turn in known)
    new = []
    for turn in turns:
        if left[_said(turn)] > 0:
            left[_said(turn)] -= 1
        else:
            new.append(turn)
    return new


def _said(turn: Turn) -> str:
    time = parse_time(turn.time)
    return digest([time[0].isoformat() if time else turn.time, turn.role, turn.content])
