"""sample-app-aoai-chatGPT: conversations and messages apart, and feedback as its users gave it."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.models import format_time
from shared.store.port import SessionStore
from tests.conftest import CosmosPlace

from .importing import adds_up, everything, import_text, outcome
from .old_containers import documents_in, filled_container
from .systems import SYSTEMS

ID = "5b1f9d7e-8a2c-4f0e-9c56-1d2e3f4a5b6c"
CONVERSATION = {"id": ID, "type": "conversation", "title": "Health plans", "_ts": 1_704_103_200}
CONVERSATION |= {"createdAt": "2024-01-01T10:00:00.000012", "updatedAt": "2024-01-01T10:05:00.000001"}
QUESTION = {"id": "q", "type": "message", "conversationId": ID, "role": "user", "content": "Which are there?"}
QUESTION |= {"createdAt": "2024-01-01T10:04:00.000001", "updatedAt": "2024-01-01T10:04:00.000020", "feedback": ""}
SOURCES = {**QUESTION, "id": "t", "role": "tool", "content": '{"citations": [], "intent": "[]"}'}
ANSWER = {**QUESTION, "id": "a", "role": "assistant", "content": "Two [doc1].", "createdAt": "2024-01-01T10:05:00"}


def documents(owner: str, *given: dict[str, Any]) -> str:
    return json.dumps([{**document, "userId": owner} for document in given])


async def test_a_conversation_and_its_messages(store: SessionStore, owner: str, tmp_path: Path) -> None:
    text = documents(owner, ANSWER, SOURCES, CONVERSATION, {**QUESTION, "createdAt": "2024-01-01T10:03:59"})

    report = await import_text(store, "aoai-sample", text, tmp_path)

    [(session, messages)] = await everything(store, [owner])
    assert (session.id, session.session_name, session.context) == (ID, "Health plans", {})
    assert format_time(session.created_at) == "2024-01-01T10:00:00.000012Z"
    assert [(each.id, each.role, each.content) for each in messages] == [
        ("q", "user", "Which are there?"),
        ("t", "tool", '{"citations": [], "intent": "[]"}'),
        ("a", "assistant", "Two [doc1]."),
    ]
    assert (report.is_clean, adds_up(report)) == (True, True)


@pytest.mark.parametrize(
    ("given", "feedback", "metadata"),
    [
        ("", None, {}),
        (None, None, {}),
        ("positive", {"rating": "up"}, {}),
        ("negative", {"rating": "down"}, {}),
        ("missing_citation", {"rating": "down", "comment": "missing_citation"}, {}),
        ("sexual,other_harmlful", {"rating": "down", "comment": "sexual,other_harmlful"}, {}),
        ("neutral", None, {"feedback": "neutral"}),
        ("positive,out_of_scope", None, {"feedback": "positive,out_of_scope"}),
        (7, None, {"feedback": 7}),
    ],
)
async def test_feedback_becomes_a_rating(
    store: SessionStore, owner: str, tmp_path: Path, given: Any, feedback: Any, metadata: dict[str, Any]
) -> None:
    await import_text(store, "aoai-sample", documents(owner, {**QUESTION, "feedback": given}), tmp_path)

    [(_, [message])] = await everything(store, [owner])
    assert (message.feedback, message.metadata) == (feedback, metadata)


async def test_a_message_that_was_changed_later_says_when(store: SessionStore, owner: str, tmp_path: Path) -> None:
    changed = {**QUESTION, "updatedAt": "2024-01-01T12:00:00"}

    await import_text(store, "aoai-sample", documents(owner, changed), tmp_path)

    [(_, [message])] = await everything(store, [owner])
    assert message.metadata == {"updatedAt": "2024-01-01T12:00:00"}


async def test_conversations_without_messages_and_messages_without_conversation_arrive(
    store: SessionStore, owner: str, tmp_path: Path
) -> None:
    lonely = {**QUESTION, "conversationId": "gone"}

    await import_text(store, "aoai-sample", documents(owner, CONVERSATION, lonely), tmp_path)

    found = {
        session.id: (session.session_name, len(messages)) for session, messages in await everything(store, [owner])
    }
    assert found == {ID: ("Health plans", 0), "gone": (None, 1)}


@pytest.mark.parametrize("broken", [{"id": "x"}, {"id": "x", "type": "other"}, {"id": "x", "type": "message"}])
async def test_what_is_neither_is_set_aside(tmp_path: Path, broken: dict[str, Any]) -> None:
    report = await import_text(None, "aoai-sample", json.dumps(broken), tmp_path, dry_run=True)

    assert (report.records.set_aside, adds_up(report)) == (1, True)


async def test_the_container_gives_what_its_export_gives(
    cosmos_place: CosmosPlace, store: SessionStore, owner: str, tmp_path: Path
) -> None:
    found = documents_in(SYSTEMS["aoai-sample"](owner, 25).lines, json.loads)
    async with filled_container(cosmos_place, tmp_path, "/userId", found) as old:
        exported = await import_text(None, "aoai-sample", json.dumps(await old.documents()), tmp_path, dry_run=True)

        report = await old.move("aoai-sample", store, delete_old=True)

        assert (outcome(report), await old.documents()) == (outcome(exported), [])
    assert report.sessions.stored == 25
