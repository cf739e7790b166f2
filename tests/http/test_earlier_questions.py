"""The routes of the consultation service, which stood at `/chat`, with the requests of its own page."""

from typing import Any

import pytest

from tests.builders import an_owner
from tests.http.client import Client, a_talk, numbered, refused_before_any_store_is_asked, spoken

CHAT = "/api/chat"
SESSIONS = "/api/chat/sessions"
GET_ALL = [("GET", f"{CHAT}/history/{{}}"), ("POST", f"{CHAT}/load-session?session_id={{}}")]
BY_SESSION = [*GET_ALL, ("GET", f"{CHAT}/status?session_id={{}}"), ("POST", f"{CHAT}/reset?session_id={{}}")]


def said(answer: Any) -> list[object]:
    return [message["content"] for message in answer.json["history"]]


async def test_the_examples_of_its_page_work_for_a_client_that_names_nobody(api: Client) -> None:
    http = api.speaking_for(None)

    first = await http.post(CHAT, {"query": "Hello, I need consultation advice"})
    session_id = first.json["session_id"]
    second = await http.post(CHAT, {"query": "Can you elaborate on that?", "session_id": session_id})
    history = (await http.get(f"{CHAT}/history/{session_id}")).json["history"]

    assert (first.status, second.status) == (200, 200)
    assert second.json == {
        "response": None,
        "query": "Can you elaborate on that?",
        "audio_files": [],
        "audio_provided": False,
        "conversation_length": 2,
        "session_id": session_id,
    }
    assert [(entry["role"], entry["content"]) for entry in history] == [
        ("user", "Hello, I need consultation advice"),
        ("user", "Can you elaborate on that?"),
    ]
    assert (await http.post(f"{CHAT}/reset?session_id={session_id}")).json["success"]


async def test_a_question_goes_to_a_session_of_that_id_made_if_need_be(api: Client) -> None:
    first = await api.post(CHAT, {"query": "one", "session_id": "mine"})
    second = await api.post(CHAT, {"query": "two", "session_id": "mine"})

    assert [answer.json["session_id"] for answer in (first, second)] == ["mine", "mine"]
    assert [answer.json["conversation_length"] for answer in (first, second)] == [1, 2]


@pytest.mark.parametrize("session_id", [None, ""])
async def test_a_question_without_a_session_begins_a_new_one(api: Client, session_id: str | None) -> None:
    first = await api.post(CHAT, {"query": "one", "session_id": session_id})
    second = await api.post(CHAT, {"query": "two"})

    assert first.json["session_id"] != second.json["session_id"]
    assert first.json["conversation_length"] == second.json["conversation_length"] == 1


@pytest.mark.parametrize(("method", "path"), GET_ALL)
async def test_a_history_has_every_field_of_a_message(api: Client, method: str, path: str) -> None:
    fields = {"audio_files": ["a.wav", {"url": "b.wav"}], "function_calls": [{"name": "look_up"}], "metadata": {"k": 1}}
    await a_talk(api, id="full")
    (stored,) = (await api.post(f"{SESSIONS}/full/messages", spoken("Hello", **fields))).json["messages"]

    answer = await api.send(method, path.format("full"))

    entry = {"message_id": stored["id"], "role": "user", "content": "Hello", "timestamp": stored["created_at"]}
    assert (answer.status, answer.json) == (200, {"session_id": "full", "history": [{**entry, **fields}]})


@pytest.mark.parametrize(("method", "path"), GET_ALL)
async def test_a_history_is_complete_oldest_first(api: Client, method: str, path: str) -> None:
    await a_talk(api, *numbered(450), id="long")

    answer = await api.send(method, path.format("long"))

    assert said(answer) == numbered(450)
    assert "x-next-cursor" not in answer.headers


@pytest.mark.slow
async def test_a_history_too_large_for_one_answer_says_where_it_goes_on(api: Client) -> None:
    texts = [f"{number:02} " + "x" * 250_000 for number in range(50)]
    path = await a_talk(api, id="huge")
    for start in range(0, 50, 2):
        batch = [spoken(text) for text in texts[start : start + 2]]
        assert (await api.post(path, {"messages": batch})).status == 201

    answer = await api.get(f"{CHAT}/history/huge")
    rest = await api.get(f"{path}?limit=200&cursor={answer.headers['x-next-cursor']}")

    older = [message["content"] for message in reversed(rest.json["data"])]
    assert 8 * 1024**2 < len(answer.body) < 12.5 * 1024**2
    assert older + said(answer) == texts
    assert not rest.json["has_more"]


async def test_the_status_counts_what_was_said_and_for_how_long(api: Client) -> None:
    await a_talk(api, "one", "two", id="mine")
    session = (await api.get(f"{SESSIONS}/mine")).json
    stats = (await api.get(f"{SESSIONS}/mine/stats")).json

    answer = await api.get(f"{CHAT}/status?session_id=mine")

    assert answer.json == {
        "session_id": "mine",
        "message_count": 2,
        "created_at": session["created_at"],
        "updated_at": session["updated_at"],
        "is_active": True,
        "duration_seconds": stats["duration_seconds"],
    }


async def test_a_reset_forgets_what_was_said_and_keeps_the_session(api: Client) -> None:
    await a_talk(api, "one", "two", id="mine", session_name="Mine")

    first, again = [await api.post(f"{CHAT}/reset?session_id=mine") for _ in range(2)]

    assert (first.status, first.json) == (200, {"success": True, "session_id": "mine"})
    assert again.json == first.json
    assert said(await api.get(f"{CHAT}/history/mine")) == []
    assert (await api.get(f"{SESSIONS}/mine")).json["session_name"] == "Mine"
    assert (await api.post(CHAT, {"query": "again", "session_id": "mine"})).json["conversation_length"] == 1


async def test_an_archived_session_can_be_read_and_reset_but_not_asked(api: Client) -> None:
    await a_talk(api, "one", id="mine")
    await api.post(f"{SESSIONS}/mine/archive")

    assert (await api.post(CHAT, {"query": "two", "session_id": "mine"})).refusal == (409, "session_archived")
    assert said(await api.get(f"{CHAT}/history/mine")) == ["one"]
    assert (await api.get(f"{CHAT}/status?session_id=mine")).json["is_active"] is False
    assert (await api.post(f"{CHAT}/reset?session_id=mine")).status == 200


@pytest.mark.parametrize(("method", "path"), BY_SESSION)
async def test_an_unknown_session_is_not_found(api: Client, method: str, path: str) -> None:
    for session_id in ("unknown", "no%20id", "%F0%9F%98%80", "x" * 65):
        assert (await api.send(method, path.format(session_id))).refusal == (404, "session_not_found")


@pytest.mark.parametrize(("method", "path"), BY_SESSION)
async def test_an_id_that_only_the_old_system_allowed_leads_to_its_session(api: Client, method: str, path: str) -> None:
    session_id = (await api.post(CHAT, {"query": "Hello", "session_id": "user 7/chat"})).json["session_id"]

    answer = await api.send(method, path.format("user%207%2Fchat"))

    assert (answer.status, answer.json["session_id"]) == (200, session_id)


@refused_before_any_store_is_asked
@pytest.mark.parametrize("query", ["", "?session_id=", "?session_id=a&session_id=b"])
@pytest.mark.parametrize(("method", "path"), [("POST", "load-session"), ("GET", "status"), ("POST", "reset")])
async def test_one_session_has_to_be_named(api: Client, method: str, path: str, query: str) -> None:
    assert (await api.send(method, f"{CHAT}/{path}{query}")).refusal == (400, "bad_request")


@refused_before_any_store_is_asked
@pytest.mark.parametrize(
    "body", [{}, {"query": None}, {"query": 5}, {"query": "a", "session_id": 5}, {"query": "a", "colour": "blue"}]
)
async def test_a_body_that_is_no_question_is_refused(api: Client, body: object) -> None:
    assert (await api.post(CHAT, body)).refusal == (422, "validation_failed")


async def test_a_question_that_is_too_large_leaves_nothing_behind(api: Client) -> None:
    refused = await api.post(CHAT, {"query": "x" * 1_048_577, "session_id": "mine"})

    assert refused.refusal == (413, "payload_too_large")
    assert (await api.get(f"{CHAT}/history/mine")).refusal == (404, "session_not_found")


async def test_a_question_of_nobody_belongs_to_default(api: Client) -> None:
    nobody, session_id = api.speaking_for(None), an_owner()

    await nobody.post(CHAT, {"query": "Hello", "session_id": session_id})

    session = (await api.speaking_for("default").get(f"{SESSIONS}/{session_id}")).json
    assert session["user_id"] == "default"
