"""Microsoft's azure-search-openai-demo: sessions, and pairs of question and response, in one Cosmos container."""

import re
from collections.abc import Sequence
from math import inf

from shared.migrate.record import Conversation, Fields, Key, Record, RecordError, Turn, first_of
from shared.migrate.source import COSMOS_FIELDS, CosmosSource
from shared.models import JsonObject

PLACE = re.compile(r".*-(\d{1,9})", re.DOTALL)


class SearchDemo(CosmosSource):
    """Pairs are ordered by the number their ids end with; none has a time but the session, when it was saved last."""

    name = "search-demo"
    summary = "azure-search-openai-demo's session and message_pair documents; an export or the container"

    def key(self, record: Record) -> Key:
        """Return the owner and the session's id."""
        document = record.value
        if document.get("type") not in {"session", "message_pair"}:
            raise RecordError("neither a session nor a pair of messages")
        session_id = document.get("session_id")
        if session_id is None and not _is_pair(document):
            session_id = document.get("id")
        return Key(document.get("entra_oid"), session_id)

    def conversation(self, key: Key, records: Sequence[Record]) -> Conversation:
        """Join the session's document, the first if there are several, with its pairs."""
        pairs = sorted((record for record in records if _is_pair(record.value)), key=_place)
        sessions = [record for record in records if not _is_pair(record.value)]
        if not sessions:
            saved = [record.value["_ts"] for record in pairs if isinstance(record.value.get("_ts"), int)]
            turns = [turn for record in pairs for turn in _turns(record, None)]
            return Conversation(key=key, records=records, turns=turns, created_at=min(saved, default=None))
        own, about = first_of(sessions)
        fields = Fields(own.value).without("id", "type", "session_id", "entra_oid", *COSMOS_FIELDS)
        saved_at = fields.take("timestamp") or own.value.get("_ts")
        return Conversation(
            key=key,
            records=records,
            session_records=about,
            turns=[turn for record in pairs for turn in _turns(record, own.value.get("version"))],
            name=fields.take("title"),
            created_at=saved_at,
            updated_at=saved_at,
            context=fields.rest("context"),
        )


def _is_pair(document: JsonObject) -> bool:
    return document.get("type") == "message_pair"


def _place(record: Record) -> float:
    match = PLACE.fullmatch(str(record.value.get("id")))
    return int(match[1]) if match else inf


def _turns(record: Record, version: object) -> list[Turn]:
    """Return the question and, where there is one, the response."""
    fields = Fields(record.value).without("type", "session_id", "entra_oid", *COSMOS_FIELDS)
    if record.value.get("version") == version:
        fields.without("version")
    pair_id, question, response = fields.take("id"), fields.take_text("question"), fields.take("response")
    asked = Turn(record=record, role="user", content=question, id=_id(pair_id, "question"), metadata=fields.rest())
    return [asked] if response is None else [asked, _answer(record, _id(pair_id, "response"), response)]


def _id(pair_id: object, part: str) -> object:
    return pair_id if pair_id in (None, "") else f"{pair_id}.{part}"


def _answer(record: Record, message_id: object, response: object) -> Turn:
    """Return the message in a response; what came with it, sources and thoughts, goes to the metadata."""
    answer = Turn(record=record, id=message_id, role="assistant", content=response)
    if not isinstance(response, dict):
        return answer
    fields = Fields(response)
    message = response.get("message")
    if response.get("delta") in (message, None):
        fields.without("delta")
    if response.get("session_state") is None:
        fields.without("session_state")
    answer.content = None
    if isinstance(message, dict):
        said = Fields(message)
        answer.role, answer.content = said.take("role") or "assistant", said.take_text("content")
        fields.without("message")
        answer.metadata = said.rest()
    elif isinstance(message, str):
        answer.content = fields.take("message")
    answer.metadata |= fields.rest()
    return answer
