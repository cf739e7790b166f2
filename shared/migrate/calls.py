"""Calls of tools as models' APIs and LangChain write them, and as they did before calls had ids."""

import json
from collections.abc import Iterable

from shared.migrate.record import Fields, Turn, as_list, digest
from shared.models import JsonObject

LANGCHAIN_CALL, LANGCHAIN_TYPES = {"name", "args", "id"}, (None, "tool_call")


def api_fields(fields: Fields) -> JsonObject:
    """Take what a message in the shape of a model's API says beside its role and content."""
    return {
        "name": fields.take("name"),
        "tool_call_id": fields.take("tool_call_id"),
        "function_calls": take_calls(fields),
    }


def take_calls(fields: Fields) -> list[object]:
    """Take the calls of a message, in `tool_calls` or the older `function_call`, as models' APIs have them now.

    A call in the older form has no id yet; `link` gives it one. What is no call stays among the fields.
    """
    calls = fields.take_if("tool_calls", lambda value: not value or _are_calls(value))
    if calls:
        return [_as_api_has_it(call) for call in as_list(calls)]
    call = fields.take_if("function_call", lambda value: isinstance(value, dict) and "name" in value)
    return [{"type": "function", "function": call}] if isinstance(call, dict) else []


def link(turns: Iterable[Turn]) -> None:
    """Give calls without an id one of their own, the same each time, and have their answers name it.

    In the older form an answer names only the function: it belongs to the last call of that name before it.
    """
    given: dict[str, int] = {}
    open_calls: dict[object, str] = {}
    for turn in turns:
        if isinstance(turn.function_calls, list):
            turn.function_calls = [_with_id(call, turn, given, open_calls) for call in turn.function_calls]
        if turn.role == "function" and turn.tool_call_id is None and isinstance(turn.name, str):
            turn.tool_call_id = open_calls.pop(turn.name, None)


def _with_id(call: object, turn: Turn, given: dict[str, int], open_calls: dict[object, str]) -> object:
    if not isinstance(call, dict) or call.keys() != {"type", "function"} or not isinstance(call["function"], dict):
        return call
    same = digest([turn.id, turn.time, call])[:24]
    given[same] = given.get(same, 0) + 1
    made = f"call_{same}.{given[same]}" if given[same] > 1 else f"call_{same}"
    open_calls[str(call["function"].get("name"))] = made
    return {"id": made, **call}


def _are_calls(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(call, str | dict) for call in value)


def _as_api_has_it(call: object) -> object:
    if (
        not isinstance(call, dict)
        or call.keys() - {"type"} != LANGCHAIN_CALL
        or call.get("type") not in LANGCHAIN_TYPES
    ):
        return call
    return {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": _text(call["args"])}}


def _text(arguments: object) -> str:
    if isinstance(arguments, str):
        return arguments
    return json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))  # nobody has judged them yet
