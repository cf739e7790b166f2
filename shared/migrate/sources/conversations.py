"""Seed 004: a Cosmos container of conversations, one document each, partitioned by customer."""

from collections.abc import Sequence

from shared.migrate.calls import api_fields
from shared.migrate.record import Conversation, Fields, Key, Record, RecordError, Turn, first_of, objects_in
from shared.migrate.source import COSMOS_FIELDS, CosmosSource
from shared.models import JsonObject


class Conversations(CosmosSource):
    """`customer_id` becomes the owner, `id` the session's id; `session_id` goes to the context."""

    name = "conversations"
    summary = "Cosmos DB AI_Conversations documents, one a conversation; an export or the container"

    def key(self, record: Record) -> Key:
        """Return the customer and the conversation's id."""
        if "messages" not in record.value:
            raise RecordError("not a conversation")
        return Key(record.value.get("customer_id"), record.value.get("id"))

    def conversation(self, key: Key, records: Sequence[Record]) -> Conversation:
        """Return the first document's conversation."""
        own, about = first_of(records)
        fields = Fields(own.value).without("id", "customer_id", *COSMOS_FIELDS)
        return Conversation(
            key=key,
            records=records,
            session_records=about,
            turns=[_turn(own, document) for document in objects_in(fields.take("messages"), "messages")],
            created_at=fields.take("created_at") or own.value.get("_ts"),
            updated_at=fields.take("updated_at"),
            context=fields.rest("context"),
        )


def _turn(record: Record, document: JsonObject) -> Turn:
    fields = Fields(document)
    return Turn(
        record=record,
        id=fields.take("id"),
        role=fields.take("role"),
        content=fields.take_text("content"),
        time=fields.take("timestamp"),
        **api_fields(fields),
        metadata=fields.rest(),
    )
