"""Idempotency-Key: a repeated request finds what the first one stored, another one under the key is refused."""

import uuid

import pytest

from tests.http.client import Client, a_session

pytestmark = pytest.mark.on_both_stores

SESSIONS = "/api/chat/sessions"
MESSAGES = "/api/chat/messages"
HELLO = {"role": "user", "content": "Hello"}
KEY = {"idempotency-key": "order-66"}


def several(count: int) -> dict[str, object]:
    """Return a batch of that many messages."""
    return {"messages": [{"role": "user", "content": str(number)} for number in range(count)]}


async def test_a_repeated_creation_finds_the_session(api: Client) -> None:
    first = await api.send("POST", SESSIONS, {"session_name": "Plans"}, KEY)
    again = await api.send("POST", SESSIONS, {"session_name": "Plans"}, KEY)

    assert (first.status, again.status) == (201, 200)
    assert again.json["id"] == first.json["id"]
    assert uuid.UUID(first.json["id"]).version == 5


async def test_a_repeated_creation_finds_the_session_as_it_is_by_now(api: Client) -> None:
    first = await api.send("POST", SESSIONS, {"session_name": "Plans"}, KEY)
    await api.send("PATCH", f"{SESSIONS}/{first.json['id']}", {"session_name": "Old plans"})

    again = await api.send("POST", SESSIONS, {"session_name": "Plans"}, KEY)

    assert again.status == 200
    assert again.json["session_name"] == "Old plans"


async def test_a_key_is_good_for_one_session(api: Client) -> None:
    await api.send("POST", SESSIONS, {"session_name": "Plans"}, KEY)

    other = await api.send("POST", SESSIONS, {"session_name": "Other plans"}, KEY)

    assert other.refusal == (409, "idempotency_conflict")


async def test_the_same_body_in_other_words_is_a_repeat(api: Client) -> None:
    first = await api.send("POST", SESSIONS, b'{"tags": ["a"], "context": {"a": {"b": 1, "c": [2]}}}', KEY)
    again = await api.send("POST", SESSIONS, b'{"context": {"a": {"c": [2.0], "b": 1.0}}, "tags": ["a"]}', KEY)

    assert (first.status, again.status) == (201, 200)
    assert again.json == first.json


async def test_a_key_belongs_to_one_owner(api: Client, stranger: Client) -> None:
    mine = await api.send("POST", SESSIONS, {}, KEY)
    theirs = await stranger.send("POST", SESSIONS, {"session_name": "x"}, KEY)

    assert theirs.status == 201
    assert theirs.json["id"] != mine.json["id"]


@pytest.mark.parametrize("body", [HELLO, several(1), several(6), several(20)])
async def test_a_repeated_append_stores_nothing(api: Client, body: object) -> None:
    path = f"{SESSIONS}/{(await a_session(api))['id']}/messages"

    first = await api.send("POST", path, body, KEY)
    again = await api.send("POST", path, body, KEY)

    assert (first.status, again.status) == (201, 200)
    assert again.json == first.json


async def test_a_repeat_is_recognised_after_other_messages(api: Client) -> None:
    path = f"{SESSIONS}/{(await a_session(api))['id']}/messages"
    first = await api.send("POST", path, HELLO, KEY)
    await api.send("POST", path, several(20))

    again = await api.send("POST", path, HELLO, KEY)

    assert again.status == 200
    assert again.json["messages"] == first.json["messages"]


@pytest.mark.parametrize("other", [{**HELLO, "content": "Bye"}, several(2), several(4)])
async def test_a_key_is_good_for_one_append(api: Client, other: object) -> None:
    path = f"{SESSIONS}/{(await a_session(api))['id']}/messages"
    await api.send("POST", path, several(3), KEY)

    refused = await api.send("POST", path, other, KEY)

    assert refused.refusal == (409, "idempotency_conflict")
    assert len((await api.get(path)).json["data"]) == 3


async def test_ids_of_the_client_are_kept_and_judged_by_themselves(api: Client) -> None:
    path = f"{SESSIONS}/{(await a_session(api))['id']}/messages"
    first = await api.send("POST", path, {**HELLO, "id": "mine"}, KEY)

    clash = await api.send("POST", path, {**HELLO, "id": "mine", "content": "Bye"}, KEY)

    assert first.json["messages"][0]["id"] == "mine"
    assert clash.refusal == (409, "message_conflict")


async def test_a_repeated_first_message_makes_one_session(api: Client) -> None:
    first = await api.send("POST", MESSAGES, HELLO, KEY)
    again = await api.send("POST", MESSAGES, HELLO, KEY)

    assert (first.status, again.status) == (201, 200)
    assert again.json == first.json
    assert len((await api.get(SESSIONS)).json["data"]) == 1


async def test_a_key_is_good_for_one_first_message(api: Client) -> None:
    await api.send("POST", MESSAGES, HELLO, KEY)

    other = await api.send("POST", MESSAGES, {**HELLO, "content": "Bye"}, KEY)

    assert other.refusal == (409, "idempotency_conflict")


@pytest.mark.parametrize("key", ["x" * 129, "two words", "né"])
async def test_a_key_is_visible_ascii(api: Client, key: str) -> None:
    refused = await api.send("POST", SESSIONS, {}, {"idempotency-key": key})

    assert refused.refusal == (400, "bad_request")
