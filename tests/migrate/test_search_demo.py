"""azure-search-openai-demo: sessions, and pairs of question and response whose ids alone tell their order."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared.store.port import SessionStore
from tests.conftest import CosmosPlace

from .importing import adds_up, everything, import_text, outcome
from .old_containers import documents_in, filled_container
from .systems import SYSTEMS

ID = "5b1f9d7e-8a2c-4f0e-9c56-1d2e3f4a5b6c"
COMMON = {"session_id": ID, "version": "cosmosdb-v2"}
SESSION = {"id": ID, "type": "session", "title": "Health plans", "timestamp": 1_704_103_200_000, **COMMON}
SOURCES = {"data_points": {"text": ["plans.pdf: two"]}, "thoughts": [{"title": "Search"}], "followup_questions": None}


def pair(number: int, question: Any, response: Any, **more: Any) -> dict[str, Any]:
    return {"id": f"{ID}-{number}", "type": "message_pair", "question": question, "response": response} | COMMON | more


def response(content: str, **more: Any) -> dict[str, Any]:
    message = {"content": content, "role": "assistant"}
    return {"message": message, "delta": message, "context": SOURCES, "session_state": None, **more}


def documents(owner: str, *given: dict[str, Any]) -> str:
    return json.dumps([{**document, "entra_oid": owner} for document in given])


async def test_a_session_and_its_pairs(store: SessionStore, owner: str, tmp_path: Path) -> None:
    text = documents(owner, pair(1, "And dental?", response("No.")), SESSION, pair(0, "Which?", response("Two.")))

    report = await import_text(store, "search-demo", text, tmp_path)

    [(session, messages)] = await everything(store, [owner])
    assert (session.id, session.session_name, session.context) == (ID, "Health plans", {"version": "cosmosdb-v2"})
    assert session.updated_at == messages[0].created_at == datetime(2024, 1, 1, 10, tzinfo=UTC)
    assert [(each.id, each.role, each.content, each.metadata) for each in messages] == [
        (f"{ID}-0.question", "user", "Which?", {}),
        (f"{ID}-0.response", "assistant", "Two.", {"context": SOURCES}),
        (f"{ID}-1.question", "user", "And dental?", {}),
        (f"{ID}-1.response", "assistant", "No.", {"context": SOURCES}),
    ]
    assert (report.records.stored, report.messages.stored, report.is_clean) == (3, 4, True)


async def test_the_tenth_pair_is_behind_the_second(store: SessionStore, owner: str, tmp_path: Path) -> None:
    pairs = [pair(number, str(number), None) for number in range(12)]
    by_id = sorted(pairs, key=lambda document: document["id"])

    await import_text(store, "search-demo", documents(owner, *by_id), tmp_path)

    [(_, messages)] = await everything(store, [owner])
    assert [each.content for each in messages] == [str(number) for number in range(12)]


@pytest.mark.parametrize(
    ("given", "content", "metadata"),
    [
        ("just text", "just text", {}),
        ({"message": "text"}, "text", {}),
        ({"message": {"content": None}}, "", {}),
        (response("x", delta={"content": "y"}), "x", {"delta": {"content": "y"}, "context": SOURCES}),
        (response("x", session_state={"a": 1}, context=None), "x", {"session_state": {"a": 1}, "context": None}),
        ({"message": {"content": "x", "role": None, "name": "n"}}, "x", {"name": "n"}),
    ],
)
async def test_responses_of_any_shape_are_kept(
    store: SessionStore, owner: str, tmp_path: Path, given: Any, content: str, metadata: dict[str, Any]
) -> None:
    await import_text(store, "search-demo", documents(owner, pair(0, "?", given)), tmp_path)

    [(_, [_, answer])] = await everything(store, [owner])
    assert (answer.role, answer.content, answer.metadata) == ("assistant", content, metadata)


@pytest.mark.parametrize("given", [{"error": "broke"}, {"answer": "Two.", "thoughts": ""}, {"message": {"text": "x"}}])
async def test_a_response_that_says_nothing_where_answers_are_is_set_aside(tmp_path: Path, given: Any) -> None:
    text = documents("ann", pair(0, "?", given))

    report = await import_text(None, "search-demo", text, tmp_path, dry_run=True)

    assert (report.reasons, adds_up(report)) == ({"a message of an unknown shape": 1}, True)


async def test_what_a_pair_says_more_stays_with_the_question(store: SessionStore, owner: str, tmp_path: Path) -> None:
    old = pair(0, "?", None, version="cosmosdb-v1", more=1)

    await import_text(store, "search-demo", documents(owner, SESSION, old), tmp_path)

    [(_, [question])] = await everything(store, [owner])
    assert question.metadata == {"version": "cosmosdb-v1", "more": 1}


async def test_a_pair_of_which_one_is_too_large_is_set_aside_whole(
    store: SessionStore, owner: str, tmp_path: Path
) -> None:
    text = documents(owner, SESSION, pair(0, "?", response("x" * 1_400_000)), pair(1, "!", response("y")))

    report = await import_text(store, "search-demo", text, tmp_path)

    [(_, messages)] = await everything(store, [owner])
    assert [each.content for each in messages] == ["!", "y"]
    assert (report.records.set_aside, report.messages.set_aside, adds_up(report)) == (1, 2, True)


async def test_pairs_without_a_session_are_as_old_as_their_documents(
    store: SessionStore, owner: str, tmp_path: Path
) -> None:
    pairs = [pair(number, str(number), None, _ts=1_704_103_260 - number) for number in range(3)]

    await import_text(store, "search-demo", documents(owner, *pairs), tmp_path)

    [(session, messages)] = await everything(store, [owner])
    assert [each.content for each in messages] == ["0", "1", "2"]
    assert session.created_at == datetime(2024, 1, 1, 10, 0, 58, tzinfo=UTC)


@pytest.mark.parametrize("broken", [{"id": "x"}, {"id": "x", "type": "message"}, {"id": "x", "type": "message_pair"}])
async def test_what_is_neither_is_set_aside(tmp_path: Path, broken: dict[str, Any]) -> None:
    report = await import_text(None, "search-demo", json.dumps(broken), tmp_path, dry_run=True)

    assert (report.records.set_aside, adds_up(report)) == (1, True)


async def test_the_container_gives_what_its_export_gives(
    cosmos_place: CosmosPlace, store: SessionStore, owner: str, tmp_path: Path
) -> None:
    found = documents_in(SYSTEMS["search-demo"](owner, 25).lines, json.loads)
    async with filled_container(cosmos_place, tmp_path, "/entra_oid", found) as old:
        exported = await import_text(None, "search-demo", json.dumps(await old.documents()), tmp_path, dry_run=True)

        report = await old.move("search-demo", store, delete_old=True)

        assert (outcome(report), await old.documents()) == (outcome(exported), [])
    assert report.sessions.stored >= 24
