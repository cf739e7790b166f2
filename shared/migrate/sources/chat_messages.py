"""Seed 001: a Cosmos container of single chat messages, and of the chat sessions its own migration made of them."""

from collections.abc import Sequence

from shared.migrate.calls import api_fields
from shared.migrate.record import Conversation, Fields, Key, Record, Turn, first_of, objects_in
from shared.migrate.source import COSMOS_FIELDS, CosmosSource, require_message
from shared.models import JsonObject


class ChatMessages(CosmosSource):
    """Messages by `session_id` and `user_id`; a message that the session's document has too counts once, by its id."""

    name = "chat-messages"
    summary = "Cosmos DB ChatMessage documents, one a message, and ChatSession documents; an export or the container"

    def key(self, record: Record) -> Key:
        """Return the owner and the session's id, which in a session's own document is its `id`."""
        document = record.value
        if _is_session(document):
            return Key(document.get("user_id"), document.get("id") or document.get("session_id"))
        require_message(document, "message_type", "role", "content")
        return Key(document.get("user_id"), document.get("session_id"))

    def conversation(self, key: Key, records: Sequence[Record]) -> Conversation:
        """Join the session's document, the first if there are several, with those of single messages."""
        single = [_turn(key, record, record.value) for record in records if not _is_session(record.value)]
        sessions = [record for record in records if _is_session(record.value)]
        if not sessions:
            return Conversation(key=key, records=records, turns=single)
        conversation = _session(key, records, sessions)
        conversation.turns += single
        return conversation


def _is_session(document: JsonObject) -> bool:
    return "messages" in document


def _session(key: Key, records: Sequence[Record], sessions: Sequence[Record]) -> Conversation:
    own, about = first_of(sessions)
    fields = Fields(own.value).without("id", "user_id", *COSMOS_FIELDS)
    documents = objects_in(fields.take("messages"), "messages")
    if own.value.get("message_count") == len(documents):
        fields.without("message_count")
    return Conversation(
        key=key,
        records=records,
        session_records=about,
        turns=[_turn(key, own, document) for document in documents],
        name=fields.take("session_name"),
        is_active=fields.take("is_active"),
        created_at=fields.take("created_at"),
        updated_at=fields.take("updated_at"),
        last_activity_at=fields.take("last_message_at") if not documents else None,
        context=fields.without("last_message_at").rest("context"),
    )


def _turn(key: Key, record: Record, document: JsonObject) -> Turn:
    """Return a message; whose it is says its session, unless it is somebody else's."""
    fields = Fields(document).without("session_id", *COSMOS_FIELDS)
    if document.get("user_id") in (None, "", key.owner):
        fields.without("user_id")
    return Turn(
        record=record,
        id=fields.take("id"),
        role=fields.take_first("message_type", "role"),
        content=fields.take_text("content"),
        time=fields.take_first("created_at", "timestamp"),
        fallback_time=document.get("_ts"),
        **api_fields(fields),
        metadata=fields.rest(),
    )
