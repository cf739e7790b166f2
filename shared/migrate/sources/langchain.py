"""LangChain's chat histories in Cosmos DB, of its Python and its JavaScript package: one document a session."""

import re
from collections.abc import Mapping, Sequence

from shared.migrate.calls import take_calls
from shared.migrate.record import Conversation, Fields, Key, Record, RecordError, Turn, first_of, objects_in
from shared.migrate.source import COSMOS_FIELDS, CosmosSource
from shared.models import JsonObject

DEFAULTS: Mapping[str, object] = {
    "additional_kwargs": {},
    "response_metadata": {},
    "tool_calls": [],
    "invalid_tool_calls": [],
    "tool_call_chunks": [],
    "usage_metadata": None,
    "chunk_position": None,
    "artifact": None,
    "example": False,
    "status": "success",
}
MESSAGE_CLASS = re.compile(r"(Human|AI|System|Tool|Function|Chat|Remove)Message(?:Chunk)?")
DEVELOPER = "__openai_role__"  # where LangChain notes that a system message is a developer's


class LangChain(CosmosSource):
    """`messages` hold `{type, data}`, the same flat, or `{lc, kwargs}`; without times: the document's counts."""

    name = "langchain"
    summary = "LangChain's CosmosDBChatMessageHistory documents, one a session; an export or the container"

    def key(self, record: Record) -> Key:
        """Return the user and the session's id."""
        document = record.value
        if "messages" not in document:
            raise RecordError("not a chat history")
        return Key(document.get("user_id", document.get("userId")), document.get("id"))

    def conversation(self, key: Key, records: Sequence[Record]) -> Conversation:
        """Return the first document's history."""
        own, about = first_of(records)
        fields = Fields(own.value).without("id", "user_id" if "user_id" in own.value else "userId", *COSMOS_FIELDS)
        return Conversation(
            key=key,
            records=records,
            session_records=about,
            turns=[_turn(own, message) for message in objects_in(fields.take("messages"), "messages")],
            created_at=own.value.get("_ts"),
            context=fields.rest("context"),
        )


def _turn(record: Record, message: JsonObject) -> Turn:
    kind, told, outer = _opened(message)
    calls, rest = _function_calls({name: value for name, value in told.items() if not _is_default(name, value)})
    fields = Fields(rest)
    if told.get("type") == kind:
        fields.without("type")
    return Turn(
        record=record,
        id=fields.take("id"),
        role=fields.take("role") or _role(kind, told),
        content=fields.take_text("content"),
        name=fields.take("name"),
        tool_call_id=fields.take("tool_call_id"),
        function_calls=calls,
        metadata=outer | fields.rest(),
    )


def _opened(message: JsonObject) -> tuple[object, JsonObject, JsonObject]:
    """Return the kind of a message, what it says, and what stands around that, in each form LangChain has for it."""
    if "lc" in message:
        kind, told = _kind_of_class(message.get("id")), message.get("kwargs")
        if message.get("type") != "constructor" or kind is None or not isinstance(told, dict):
            raise RecordError("a message of an unknown shape", "LangChain could not write it down")
        own = {"type": kind} if _kind(told.get("type")) == kind else {}
        return kind, told | own, _without(message, "lc", "type", "id", "kwargs")
    kind = message.get("type")
    if "data" not in message:
        return kind, message, {}
    data = message["data"]
    return kind, data if isinstance(data, dict) else {"data": data}, _without(message, "type", "data")


def _kind_of_class(path: object) -> str | None:
    """Return the kind of message that a class is for, by where it stands in its package; None for another class."""
    name = path[-1] if isinstance(path, list) and path else None
    match = MESSAGE_CLASS.fullmatch(name) if isinstance(name, str) else None
    return match[1].lower() if match else None


def _kind(value: object) -> object:
    return value.removesuffix("MessageChunk").lower() if isinstance(value, str) else value


def _is_default(name: str, value: object) -> bool:
    return name in DEFAULTS and value == DEFAULTS[name]


def _role(kind: object, data: JsonObject) -> object:
    extra = data.get("additional_kwargs")
    if kind == "system" and isinstance(extra, dict) and extra.get(DEVELOPER) == "developer":
        return "developer"
    return _kind(kind)


def _function_calls(data: JsonObject) -> tuple[list[object], JsonObject]:
    """Return the calls as models' APIs take them, which is all that older messages have, and everything else."""
    fields, extra = Fields(data), data.get("additional_kwargs")
    calls = take_calls(fields)
    if calls or not isinstance(extra, dict):
        return calls, fields.left
    more = Fields(extra)
    calls, left = take_calls(more), more.left
    rest = _without(data, "additional_kwargs")
    return calls, rest | ({"additional_kwargs": left} if left else {})


def _without(value: JsonObject, *names: str) -> JsonObject:
    return {key: item for key, item in value.items() if key not in names}
