"""Forks: a session of its own that begins with another one's messages."""

import pytest

from tests.http.client import Client, a_session, a_talk, numbered

FIELDS = ("session_name", "channel", "context", "tags")


async def test_a_fork_has_the_messages_and_the_fields_of_the_original(api: Client) -> None:
    given = {"session_name": "Plans", "channel": "web", "context": {"a": [1]}, "tags": ["x"]}
    path = (await a_talk(api, *numbered(60), **given, pinned=True)).removesuffix("/messages")
    original = (await api.get(f"{path}?limit=200")).json

    answer = await api.post(f"{path}/fork")

    assert answer.status == 201
    found = (await api.get(f"{answer.headers['location']}?limit=200")).json
    assert found["id"] != original["id"]
    assert {name: found[name] for name in FIELDS} == given
    assert found["messages"] == original["messages"]
    assert (found["status"], found["pinned"], found["message_count"]) == ("active", False, 60)
    assert found["last_activity_at"] == found["created_at"] > original["last_activity_at"]


@pytest.mark.parametrize(("after_seq", "expected"), [(0, 0), (1, 1), (45, 45), (60, 60), (1000, 60), (None, 60)])
async def test_a_fork_ends_where_it_is_told_to(api: Client, after_seq: int | None, expected: int) -> None:
    path = (await a_talk(api, *numbered(60))).removesuffix("/messages")

    forked = (await api.post(f"{path}/fork", {"after_seq": after_seq})).json

    found = (await api.get(f"/api/chat/sessions/{forked['id']}?limit=200")).json
    assert [message["content"] for message in found["messages"]] == numbered(expected)


async def test_a_fork_of_a_long_session_with_pages_is_whole(api: Client) -> None:
    path = (await a_talk(api, *(text * 30 for text in numbered(120)))).removesuffix("/messages")

    forked = (await api.post(f"{path}/fork", {"after_seq": 110})).json

    found = (await api.get(f"/api/chat/sessions/{forked['id']}?limit=200")).json
    assert [message["seq"] for message in found["messages"]] == list(range(1, 111))
    assert (await api.get(f"/api/chat/sessions/{forked['id']}/stats")).json["by_role"]["user"] == 110


async def test_a_fork_is_numbered_from_one(api: Client) -> None:
    path = await a_talk(api, *numbered(5))
    await api.delete(path)
    await api.post(path, {"role": "user", "content": "again"})

    forked = (await api.post(f"{path.removesuffix('/messages')}/fork")).json

    found = (await api.get(f"/api/chat/sessions/{forked['id']}")).json
    assert [(message["seq"], message["content"]) for message in found["messages"]] == [(1, "again")]


async def test_the_two_go_on_apart(api: Client) -> None:
    path = await a_talk(api, *numbered(3))
    forked = (await api.post(f"{path.removesuffix('/messages')}/fork")).json

    await api.post(f"/api/chat/sessions/{forked['id']}/messages", {"role": "user", "content": "only here"})
    await api.delete(path)

    assert (await api.get(f"/api/chat/sessions/{forked['id']}")).json["message_count"] == 4


async def test_an_archived_session_can_be_forked_into_an_active_one(api: Client) -> None:
    path = (await a_talk(api, *numbered(3))).removesuffix("/messages")
    await api.post(f"{path}/archive")

    assert (await api.post(f"{path}/fork")).json["status"] == "active"


async def test_a_stranger_forks_nothing(api: Client, stranger: Client) -> None:
    session = await a_session(api)

    answer = await stranger.post(f"/api/chat/sessions/{session['id']}/fork")

    assert answer.refusal == (404, "session_not_found")
    assert (await stranger.get("/api/chat/sessions")).json["data"] == []


async def test_feedback_stays_with_the_message_it_was_given_to(api: Client) -> None:
    path = await a_talk(api)
    await api.post(path, {"id": "m-1", "role": "assistant", "content": "So?"})
    await api.patch(f"{path}/m-1", {"feedback": {"rating": "up", "comment": "Yes."}, "metadata": {"a": 1}})

    first = (await api.post(f"{path.removesuffix('/messages')}/fork")).json
    second = (await api.post(f"/api/chat/sessions/{first['id']}/fork")).json

    (forked,) = (await api.get(f"/api/chat/sessions/{second['id']}")).json["messages"]
    assert (forked["feedback"], forked["metadata"]) == (None, {"a": 1})
    assert (await api.get("/api/chat/stats")).json["feedback"] == {"up": 1, "down": 0}
    await api.patch(f"/api/chat/sessions/{second['id']}/messages/m-1", {"feedback": {"rating": "down"}})
    assert (await api.get("/api/chat/stats")).json["feedback"] == {"up": 1, "down": 1}
    assert (await api.get(f"{path}/m-1")).json["feedback"]["rating"] == "up"


@pytest.mark.parametrize("after_seq", [-1, 1.5, "1", True, 2**53])
async def test_other_places_are_refused(api: Client, after_seq: object) -> None:
    session = await a_session(api)

    answer = await api.post(f"/api/chat/sessions/{session['id']}/fork", {"after_seq": after_seq})

    assert answer.refusal == (422, "validation_failed")
    assert len((await api.get("/api/chat/sessions")).json["data"]) == 1
