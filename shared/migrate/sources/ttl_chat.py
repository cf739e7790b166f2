"""Seed 003: two MongoDB collections of chat messages that end 24 hours after they were made."""

from collections.abc import Sequence

from typing_extensions import override

from shared.legacy_ids import CHANNELS, DAY_SECONDS, session_id_beside
from shared.migrate.calls import api_fields
from shared.migrate.options import Options
from shared.migrate.record import Conversation, Fields, Key, Record, Turn, UsageError
from shared.migrate.sessions import session_id_of
from shared.migrate.source import Source, require_message
from shared.migrate.times import object_id_time


class TtlChat(Source):
    """One collection at a time, which becomes a channel; a session id that the other has too gets `.<channel>`."""

    name = "ttl-chat"
    summary = "MongoDB scriptwriter_chat_history or scene_writer_chat_history (mongoexport); --channel says which"
    extended_json = True

    @override
    def __init__(self, options: Options) -> None:
        super().__init__(options)
        if options.channel not in CHANNELS:
            raise UsageError(f"--channel must be {' or '.join(CHANNELS)} for {self.name}")
        self._channel = options.channel

    def key(self, record: Record) -> Key:
        """Return the owner and the session's id."""
        require_message(record.value, "role", "content")
        return Key(record.value.get("user_id"), record.value.get("session_id"))

    def conversation(self, key: Key, records: Sequence[Record]) -> Conversation:
        """Return a session that ends a day after its last message."""
        return Conversation(
            key=key,
            records=records,
            turns=[_turn(record) for record in records],
            channel=self._channel,
            ttl_seconds=DAY_SECONDS,
            lifetime_seconds=DAY_SECONDS,
            alternative_id=session_id_beside(session_id_of(key.session_id), self._channel),
        )


def _turn(record: Record) -> Turn:
    fields = Fields(record.value).without("session_id", "user_id")
    document_id = fields.take("_id")
    return Turn(
        record=record,
        id=document_id,
        role=fields.take("role"),
        content=fields.take_text("content"),
        time=fields.take("created_at"),
        fallback_time=object_id_time(document_id),
        **api_fields(fields),
        metadata=fields.rest(),
    )
