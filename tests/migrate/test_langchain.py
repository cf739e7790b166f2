"""LangChain's histories: messages as its own serializer wrote them, of every kind it has."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.models import Message, Session, utc_now
from shared.store.port import SessionStore
from tests.conftest import CosmosPlace

from .importing import adds_up, everything, import_text, outcome
from .old_containers import documents_in, filled_container
from .systems import SYSTEMS

PLAIN = {"additional_kwargs": {}, "response_metadata": {}, "name": None, "id": None}
NO_CALLS = {"tool_calls": [], "invalid_tool_calls": [], "usage_metadata": None}
CALL = {"name": "weather", "args": {"city": "Köln"}, "id": "call_1", "type": "tool_call"}
API_CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Köln"}'}}


def message(kind: str, content: Any, **data: Any) -> dict[str, Any]:
    """Return a message as langchain-core 1.7's messages_to_dict writes it."""
    return {"type": kind, "data": {"content": content, **PLAIN, "type": kind, **data}}


async def imported(
    store: SessionStore, owner: str, tmp_path: Path, *messages: dict[str, Any], **more: Any
) -> tuple[Session, list[Message]]:
    document = {"id": "s1", "user_id": owner, "messages": list(messages), "_ts": 1_704_103_200, "_etag": "1", **more}
    report = await import_text(store, "langchain", json.dumps(document), tmp_path)
    assert (report.is_clean, adds_up(report)) == (True, True)
    [found] = await everything(store, [owner])
    return found


@pytest.mark.parametrize(
    ("written", "role", "metadata"),
    [
        (message("human", "x"), "user", {}),
        (message("ai", "x", **NO_CALLS), "assistant", {}),
        (message("system", "x"), "system", {}),
        (message("tool", "x", tool_call_id="call_1", artifact=None, status="success"), "tool", {}),
        (message("tool", "x", artifact=[1], status="error"), "tool", {"artifact": [1], "status": "error"}),
        (message("function", "x", name="f"), "tool", {}),
        (message("chat", "x", role="assistant"), "assistant", {}),
        (message("chat", "x", role="narrator"), "system", {"original_role": "narrator"}),
        (message("AIMessageChunk", "x", **NO_CALLS, tool_call_chunks=[], chunk_position=None), "assistant", {}),
        (message("HumanMessageChunk", "x", example=False), "user", {}),
        (message("remove", "", id="3"), "system", {"original_role": "remove"}),
        (message("ai", "x", usage_metadata={"total_tokens": 3}), "assistant", {"usage_metadata": {"total_tokens": 3}}),
        (message("human", "x", example=True), "user", {"example": True}),
    ],
)  # fmt: skip
async def test_every_kind_of_message_becomes_a_role(
    store: SessionStore, owner: str, tmp_path: Path, written: dict[str, Any], role: str, metadata: dict[str, Any]
) -> None:
    _, [found] = await imported(store, owner, tmp_path, written)

    assert (found.role, found.content, found.metadata) == (role, written["data"]["content"], metadata)


async def test_a_developers_message_is_one(store: SessionStore, owner: str, tmp_path: Path) -> None:
    extra = {"__openai_role__": "developer"}

    _, [found] = await imported(store, owner, tmp_path, message("system", "x", additional_kwargs=extra))

    assert (found.role, found.metadata) == ("developer", {"additional_kwargs": extra})


async def test_tool_calls_are_as_a_models_api_takes_them(store: SessionStore, owner: str, tmp_path: Path) -> None:
    asked, told = message("ai", "", tool_calls=[CALL]), message("tool", "sunny", tool_call_id="call_1")

    _, [asks, tells] = await imported(store, owner, tmp_path, asked, told)

    assert (asks.content, asks.function_calls, asks.metadata) == ("", [API_CALL], {})
    assert tells.tool_call_id == "call_1"


async def test_a_call_that_no_store_can_hold_is_set_aside_alone(
    store: SessionStore, owner: str, tmp_path: Path
) -> None:
    broken = message("ai", "", tool_calls=[{**CALL, "args": {"city": "\ud800"}}])
    document = {"id": "s1", "user_id": owner, "messages": [broken], "_ts": 1_704_103_200, "_etag": "1"}
    sound = {**document, "id": "s2", "messages": [message("human", "x")]}

    report = await import_text(store, "langchain", json.dumps([document, sound]), tmp_path)

    assert (report.is_clean, adds_up(report)) == (False, True)
    assert [session.id for session, _ in await everything(store, [owner])] == ["s2"]


async def test_older_messages_have_their_calls_elsewhere(store: SessionStore, owner: str, tmp_path: Path) -> None:
    extra = {"tool_calls": [API_CALL], "refusal": None}

    _, [found] = await imported(store, owner, tmp_path, message("ai", "", additional_kwargs=extra))

    assert (found.function_calls, found.metadata) == ([API_CALL], {"additional_kwargs": {"refusal": None}})


CLASSES = {"human": "HumanMessage", "ai": "AIMessage", "system": "SystemMessage", "tool": "ToolMessage"}
CLASSES |= {"function": "FunctionMessage", "chat": "ChatMessage", "AIMessageChunk": "AIMessageChunk"}
EVERY_KIND = [
    message("system", "be kind"),
    message("human", [{"type": "text", "text": "hi"}], name="Ann", id="run--1"),
    message("ai", "", tool_calls=[CALL, {name: CALL[name] for name in ("name", "args", "id")}]),
    message("tool", "sunny", tool_call_id="call_1", status="error"),
    message("ai", "", additional_kwargs={"function_call": {"name": "f", "arguments": "{}"}, "refusal": None}),
    message("function", "done", name="f"),
    message("chat", "x", role="narrator"),
    message("AIMessageChunk", "x", **NO_CALLS, tool_call_chunks=[]),
]


def constructed(written: dict[str, Any], package: list[str]) -> dict[str, Any]:
    """Return a message as `dumpd`, or JavaScript's toJSON, writes it."""
    path = [*package, CLASSES[written["type"]]]
    return {"lc": 1, "type": "constructor", "id": path, "kwargs": written["data"]}


@pytest.mark.parametrize(
    "rewritten",
    [
        lambda written: written["data"],
        lambda written: constructed(written, ["langchain", "schema", "messages"]),
        lambda written: constructed(written, ["langchain_core", "messages"]),
        lambda written: {**constructed(written, []), "kwargs": _without_type(written["data"])},
    ],
    ids=["flat", "python", "javascript", "without a type"],
)
async def test_each_form_of_a_message_says_the_same(store: SessionStore, owner: str, tmp_path: Path, rewritten) -> None:
    _, plain = await imported(store, owner, tmp_path, *EVERY_KIND)
    await store.delete(owner, "s1")

    _, found = await imported(store, owner, tmp_path, *[rewritten(written) for written in EVERY_KIND])

    assert [each.model_dump() for each in found] == [each.model_dump() for each in plain]
    assert [each.role for each in plain[:6]] == ["system", "user", "assistant", "tool", "assistant", "tool"]


def _without_type(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != "type"}


async def test_a_call_of_before_calls_had_ids_gets_one_that_its_answer_names(
    store: SessionStore, owner: str, tmp_path: Path
) -> None:
    called = {"name": "f", "arguments": "{}"}
    asked = message("ai", "", additional_kwargs={"function_call": called})
    answered = message("function", "done", name="f")

    _, [first, one, second, two] = await imported(store, owner, tmp_path, asked, answered, asked, answered)

    [call], [again] = first.function_calls, second.function_calls
    assert call == {"id": one.tool_call_id, "type": "function", "function": called}
    assert again == {"id": two.tool_call_id, "type": "function", "function": called}
    assert one.tool_call_id != two.tool_call_id
    assert (one.role, one.name, first.metadata) == ("tool", "f", {})


async def test_calls_of_another_shape_stay_as_they_are(store: SessionStore, owner: str, tmp_path: Path) -> None:
    calls = [{**CALL, "more": 1}, "f", {"name": "g"}]

    _, [found] = await imported(store, owner, tmp_path, message("ai", "", tool_calls=calls))

    assert found.function_calls == calls


async def test_parts_names_and_ids_stay(store: SessionStore, owner: str, tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "🙂"}, {"type": "image_url", "image_url": {"url": "data:"}}]

    _, [found] = await imported(store, owner, tmp_path, message("human", parts, name="Ann", id="run--1"))

    assert (found.content, found.name, found.id) == (parts, "Ann", "run--1")


async def test_messages_stay_in_order_at_the_time_of_their_document(
    store: SessionStore, owner: str, tmp_path: Path
) -> None:
    said = [message("human", str(number)) for number in range(30)]

    session, found = await imported(store, owner, tmp_path, *said)

    assert [each.content for each in found] == [str(number) for number in range(30)]
    assert {each.created_at for each in found} == {session.created_at} == {datetime(2024, 1, 1, 10, tzinfo=UTC)}


async def test_javascripts_documents_name_their_user_otherwise_and_have_a_context(
    store: SessionStore, owner: str, tmp_path: Path
) -> None:
    document = {"id": "s1", "userId": owner, "context": {"title": "T"}, "messages": [message("human", "x")]}

    await import_text(store, "langchain", json.dumps(document), tmp_path)

    [(session, [found])] = await everything(store, [owner])
    assert (session.id, session.context, found.content) == ("s1", {"title": "T"}, "x")


async def test_a_history_without_any_time_is_not_archived_at_the_next_chance(
    store: SessionStore, owner: str, tmp_path: Path
) -> None:
    document = {"id": "s1", "user_id": owner, "messages": [message("human", "x")]}
    await import_text(store, "langchain", json.dumps(document), tmp_path)

    idle = await store.idle_sessions(utc_now() - timedelta(days=1), 100)

    assert owner not in {session.user_id for session in idle}


@pytest.mark.parametrize(
    "broken", [{"id": "s1", "user_id": "u"}, {"id": "s1", "messages": "x"}, {"id": "s1", "messages": ["x"]}]
)
async def test_what_is_no_history_is_set_aside(tmp_path: Path, broken: dict[str, Any]) -> None:
    report = await import_text(None, "langchain", json.dumps(broken), tmp_path, dry_run=True)

    assert (report.records.set_aside, adds_up(report)) == (1, True)


UNKNOWN = [
    {"sender": "bot", "text": "hi"},
    {"type": "human", "data": "hi"},
    {"type": "human", "text": "hi"},
    {"type": "human", "data": {"text": "hi"}},
    {"role": "user", "parts": [{"text": "hi"}]},
    {"lc": 1, "type": "not_implemented", "id": ["x", "HumanMessage"], "repr": "hi"},
    {"lc": 1, "type": "constructor", "id": ["x", "Document"], "kwargs": {"page_content": "hi"}},
    {"lc": 1, "type": "constructor", "id": "HumanMessage", "kwargs": {"content": "hi"}},
]


@pytest.mark.parametrize("unknown", UNKNOWN)
async def test_a_message_of_an_unknown_shape_is_set_aside(tmp_path: Path, unknown: dict[str, Any]) -> None:
    document = {"id": "s1", "user_id": "ann", "messages": [message("human", "x"), unknown]}

    report = await import_text(None, "langchain", json.dumps(document), tmp_path, dry_run=True)

    assert (report.reasons, report.messages.stored) == ({"a message of an unknown shape": 1}, 0)


async def test_the_container_gives_what_its_export_gives(
    cosmos_place: CosmosPlace, store: SessionStore, owner: str, tmp_path: Path
) -> None:
    documents = documents_in(SYSTEMS["langchain"](owner, 40).lines, json.loads)
    async with filled_container(cosmos_place, tmp_path, "/user_id", documents) as old:
        exported = await import_text(None, "langchain", json.dumps(await old.documents()), tmp_path, dry_run=True)

        report = await old.move("langchain", store, delete_old=True)

        assert (outcome(report), await old.documents()) == (outcome(exported), [])
    assert report.sessions.stored > 35
