"""LangChain's chat histories in Cosmos DB, of its Python and its JavaScript package: one document a session."""

import json
from collections.abc import Mapping, Sequence

from shared.migrate.record import Conversation, Fields, Key, Record, RecordError, Turn, as_list, first_of, objects_in
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
DEVELOPER = "__openai_role__"  # where LangChain notes that a system message is a developer's


class LangChain(CosmosSource):
    """`messages` hold `{type, data}` as `messages_to_dict` makes them; without times, so that the document's counts."""

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
        own, told = first_of(records)
        fields = Fields(own.value).without("id", "user_id" if "user_id" in own.value else "userId", *COSMOS_FIELDS)
        return Conversation(
            key=key,
            records=records,
            told=told,
            turns=[_turn(own, message) for message in objects_in(fields.take("messages"), "messages")],
            created_at=own.value.get("_ts"),
            context=fields.rest("context"),
        )


def _turn(record: Record, message: JsonObject) -> Turn:
    outer = Fields(message)
    kind, data = outer.take("type"), outer.take("data")
    told = data if isinstance(data, dict) else {"data": data}
    calls, rest = _function_calls({name: value for name, value in told.items() if not _is_default(name, value)})
    fields = Fields(rest)
    if told.get("type") == kind:
        fields.without("type")
    return Turn(
        record=record,
        id=fields.take("id"),
        role=fields.take("role") or _role(kind, told),
        content=fields.take("content"),
        name=fields.take("name"),
        tool_call_id=fields.take("tool_call_id"),
        function_calls=calls,
        metadata=outer.rest() | fields.rest(),
    )


def _is_default(name: str, value: object) -> bool:
    return name in DEFAULTS and value == DEFAULTS[name]


def _role(kind: object, data: JsonObject) -> object:
    extra = data.get("additional_kwargs")
    if kind == "system" and isinstance(extra, dict) and extra.get(DEVELOPER) == "developer":
        return "developer"
    return kind.removesuffix("MessageChunk") if isinstance(kind, str) else kind


def _function_calls(data: JsonObject) -> tuple[list[object], JsonObject]:
    """Return the calls as models' APIs take them, which is all that older messages have, and everything else."""
    extra = data.get("additional_kwargs")
    if data.get("tool_calls"):
        return [_as_api_has_it(call) for call in as_list(data["tool_calls"])], _without(data, "tool_calls")
    if not isinstance(extra, dict) or not extra.get("tool_calls"):
        return [], data
    left = _without(extra, "tool_calls")
    return as_list(extra["tool_calls"]), _without(data, "additional_kwargs") | (
        {"additional_kwargs": left} if left else {}
    )


def _without(value: JsonObject, name: str) -> JsonObject:
    return {key: item for key, item in value.items() if key != name}


def _as_api_has_it(call: object) -> object:
    if not isinstance(call, dict) or call.keys() != {"name", "args", "id", "type"} or call["type"] != "tool_call":
        return call
    arguments = json.dumps(call["args"], ensure_ascii=False, separators=(",", ":"))  # nobody has judged them yet
    return {
        "id": call["id"],
        "type": "function",
        "function": {"name": call["name"], "arguments": arguments},
    }
