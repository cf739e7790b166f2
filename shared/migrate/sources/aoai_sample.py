"""Microsoft's sample-app-aoai-chatGPT: conversations and their messages, each a document in one Cosmos container."""

from collections.abc import Sequence
from datetime import timedelta

from shared.migrate.calls import api_fields
from shared.migrate.record import Conversation, Fields, Key, Record, RecordError, Turn, first_of
from shared.migrate.source import COSMOS_FIELDS, CosmosSource
from shared.migrate.times import parse_time
from shared.models import JsonObject

COMPLAINTS = {
    "negative",
    "missing_citation",
    "wrong_citation",
    "out_of_scope",
    "inaccurate_or_irrelevant",
    "other_unhelpful",
    "hate_speech",
    "violent",
    "sexual",
    "manipulative",
    "other_harmful",
    "other_harmlful",  # as the sample spells it
}
SAME_MOMENT = timedelta(seconds=1)  # it asks the clock twice for one new message


class AoaiSample(CosmosSource):
    """`userId` becomes the owner, `title` the name; `feedback` becomes up or down with what it complains about."""

    name = "aoai-sample"
    summary = "sample-app-aoai-chatGPT's conversation and message documents; an export or the container"

    def key(self, record: Record) -> Key:
        """Return the owner and the conversation's id."""
        document = record.value
        if document.get("type") not in {"conversation", "message"}:
            raise RecordError("neither a conversation nor a message")
        return Key(document.get("userId"), document.get("conversationId" if _is_message(document) else "id"))

    def conversation(self, key: Key, records: Sequence[Record]) -> Conversation:
        """Join the conversation's document, the first if there are several, with its messages."""
        turns = [_turn(record) for record in records if _is_message(record.value)]
        conversations = [record for record in records if not _is_message(record.value)]
        if not conversations:
            return Conversation(key=key, records=records, turns=turns)
        own, about = first_of(conversations)
        fields = Fields(own.value).without("id", "type", "userId", *COSMOS_FIELDS)
        return Conversation(
            key=key,
            records=records,
            session_records=about,
            turns=turns,
            name=fields.take("title") or None,
            created_at=fields.take("createdAt"),
            updated_at=fields.take("updatedAt"),
            context=fields.rest("context"),
        )


def _is_message(document: JsonObject) -> bool:
    return document.get("type") == "message"


def _turn(record: Record) -> Turn:
    document = record.value
    fields = Fields(document).without("type", "userId", "conversationId", *COSMOS_FIELDS)
    if _says_the_same(document.get("createdAt"), document.get("updatedAt")):
        fields.without("updatedAt")
    return Turn(
        record=record,
        id=fields.take("id"),
        role=fields.take("role"),
        content=fields.take_text("content"),
        time=fields.take("createdAt"),
        fallback_time=document.get("_ts"),
        feedback=_feedback(fields.take("feedback")),
        **api_fields(fields),
        metadata=fields.rest(),
    )


def _says_the_same(created_at: object, updated_at: object) -> bool:
    made, changed = parse_time(created_at), parse_time(updated_at)
    return made is not None and changed is not None and abs(changed[0] - made[0]) < SAME_MOMENT


def _feedback(value: object) -> object:
    """Return a rating; what is none, "neutral" for example, as it is."""
    if value == "" or not isinstance(value, str):
        return value or None
    if value == "positive":
        return {"rating": "up"}
    if {complaint.strip() for complaint in value.split(",")} <= COMPLAINTS:
        return {"rating": "down"} | ({} if value == "negative" else {"comment": value})
    return value
