"""The routes of the chat application whose messages knew no sessions: `chat/history` and `chat/message`."""

from typing import Any

import pytest

from tests.http.client import Client, a_session, a_talk, contents, numbered, refused_before_any_store_is_asked, spoken

HISTORY = "/api/chat/history"
MESSAGE = "/api/chat/message"
SESSIONS = "/api/chat/sessions"
OLD_ID = "chat 7/ü"


def said(answer: Any) -> list[object]:
    return [message["content"] for message in answer.json["messages"]]


async def test_a_message_makes_a_session_and_the_history_tells_it(api: Client) -> None:
    sent = await api.post(MESSAGE, {"content": "Hello!", "message_type": "user"})
    answer = await api.get(HISTORY)

    assert sent.status == 201
    assert (answer.status, answer.json) == (
        200,
        {
            "session_id": sent.json["session_id"],
            "messages": sent.json["messages"],
            "message_count": 1,
        },
    )


async def test_its_own_message_document_can_be_sent_without_its_time(api: Client) -> None:
    session_id = "session_12345_20240101_120000"
    document = {"id": "msg_2", "content": "Hi! How can I help you?", "message_type": "assistant"}
    owned = {"user_id": api.user, "metadata": {"type": "ai_response"}}

    answer = await api.post(MESSAGE, {"session_id": session_id, **document, **owned})

    (message,) = answer.json["messages"]
    assert answer.json["session_id"] == session_id
    assert {name: message[name] for name in (*document, *owned)} == {**document, **owned}
    assert message["role"] == "assistant"


async def test_a_session_and_a_time_of_its_own_are_the_services_to_decide(api: Client) -> None:
    sent = {"content": "Hello!", "message_type": "user", "created_at": "2024-01-01T12:00:00Z"}

    assert (await api.post(MESSAGE, sent)).refusal == (422, "validation_failed")


async def test_a_message_goes_to_the_session_named(api: Client) -> None:
    path = await a_talk(api, "first", id="known")

    answer = await api.post(MESSAGE, {**spoken("second"), "session_id": "known"})

    assert (answer.status, answer.json["message_count"]) == (201, 2)
    assert contents(await api.get(f"{path}?order=asc")) == ["first", "second"]


async def test_a_message_sent_twice_under_one_id_is_stored_once(api: Client) -> None:
    body = {**spoken("once", id="m1"), "session_id": "twice"}
    first = await api.post(MESSAGE, body)
    again = await api.post(MESSAGE, body)
    other = await api.post(MESSAGE, {**body, "content": "something else"})

    assert (first.status, again.status) == (201, 200)
    assert again.json == first.json
    assert other.refusal == (409, "message_conflict")


async def test_a_message_sent_twice_under_one_key_is_stored_once(api: Client) -> None:
    first = await api.post(MESSAGE, spoken("once"), idempotency_key="k")
    again = await api.post(MESSAGE, spoken("once"), idempotency_key="k")

    assert (first.status, again.status) == (201, 200)
    assert again.json == first.json
    assert (await api.post(MESSAGE, spoken("twice"), idempotency_key="k")).refusal == (409, "idempotency_conflict")


async def test_an_archived_session_takes_no_message(api: Client) -> None:
    await a_talk(api, "first", id="gone-quiet")
    await api.post(f"{SESSIONS}/gone-quiet/archive")

    refused = await api.post(MESSAGE, {**spoken(), "session_id": "gone-quiet"})

    assert refused.refusal == (409, "session_archived")
    assert said(await api.get(f"{HISTORY}?session_id=gone-quiet")) == ["first"]


async def test_without_a_session_there_is_no_history(api: Client) -> None:
    answer = await api.get(HISTORY)

    assert (answer.status, answer.json) == (200, {"session_id": None, "messages": [], "message_count": 0})


async def test_the_history_is_that_of_the_active_session_used_last(api: Client) -> None:
    for name in ("older", "newer", "archived"):
        await a_talk(api, name, id=name)
    await api.post(f"{SESSIONS}/archived/archive")

    assert (await api.get(HISTORY)).json["session_id"] == "newer"
    await api.post(f"{SESSIONS}/older/messages", spoken("again"))
    assert said(await api.get(HISTORY)) == ["older", "again"]


async def test_the_history_of_a_session_named_is_its_own(api: Client) -> None:
    await a_talk(api, "one", id="one")
    await a_talk(api, "two", id="two")

    assert said(await api.get(f"{HISTORY}?session_id=one")) == ["one"]


async def test_an_empty_session_id_names_none(api: Client) -> None:
    await a_talk(api, "one", id="one")

    assert said(await api.get(f"{HISTORY}?session_id=")) == ["one"]
    assert (await api.post(MESSAGE, {**spoken(), "session_id": ""})).json["session_id"] not in {"", "one"}


async def test_an_unknown_session_has_no_history(api: Client) -> None:
    assert (await api.get(f"{HISTORY}?session_id=unknown")).refusal == (404, "session_not_found")


async def test_the_history_is_the_newest_messages_oldest_first(api: Client) -> None:
    await a_talk(api, *numbered(60), id="long")

    usual, short = await api.get(HISTORY), await api.get(f"{HISTORY}?session_id=long&limit=2")

    assert said(usual) == numbered(60)[10:]
    assert said(short) == numbered(60)[58:]
    assert short.json["message_count"] == 60


async def test_a_cursor_leads_on_to_older_messages(api: Client) -> None:
    path = await a_talk(api, *numbered(5), id="long")
    first = await api.get(f"{HISTORY}?limit=2")

    older = await api.get(f"{path}?cursor={first.headers['x-next-cursor']}")

    assert contents(older) == ["message 3", "message 2", "message 1"]
    assert "x-next-cursor" not in (await api.get(HISTORY)).headers


@pytest.mark.parametrize("encoded", ["chat%207/%C3%BC", "chat+7%2F%C3%BC"])
async def test_a_session_is_found_under_an_id_that_only_the_old_system_allowed(api: Client, encoded: str) -> None:
    sent = await api.post(MESSAGE, {**spoken("Hello"), "session_id": OLD_ID})
    session_id = sent.json["session_id"]

    answer = await api.get(f"{HISTORY}?session_id={encoded}")

    assert (answer.json["session_id"], said(answer)) == (session_id, ["Hello"])
    assert (await api.get(f"{SESSIONS}/{session_id}")).status == 200


@refused_before_any_store_is_asked
@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "session_id=a&session_id=b", "limit=1&limit=2"])
async def test_a_query_that_cannot_be_read_is_refused(api: Client, query: str) -> None:
    assert (await api.get(f"{HISTORY}?{query}")).refusal == (400, "bad_request")


@refused_before_any_store_is_asked
@pytest.mark.parametrize(
    "body",
    [
        {"content": "no role"},
        {"role": "user"},
        {**spoken(), "session_id": 5},
        {**spoken(), "channel": "web"},
        {"messages": [spoken()]},
        {**spoken(), "message_type": "assistant"},
    ],
)
async def test_a_body_that_is_no_message_is_refused(api: Client, body: object) -> None:
    assert (await api.post(MESSAGE, body)).refusal == (422, "validation_failed")


async def test_sessions_without_messages_have_an_empty_history(api: Client) -> None:
    session = await a_session(api)

    assert (await api.get(HISTORY)).json == {"session_id": session["id"], "messages": [], "message_count": 0}
