"""The scriptwriter's and the scene writer's chats at `/unified`, with the requests of their own page."""

from datetime import timedelta
from typing import Any

import pytest

from shared.models import ImportedMessage, ImportedSession, utc_now
from shared.store.port import SessionStore
from tests.builders import an_owner
from tests.http.client import Client, a_talk, numbered, refused_before_any_store_is_asked, spoken
from tests.http.conftest import Serve

UNIFIED = "/api/unified"
SAY = f"{UNIFIED}/scriptwriter-chat"
GET = f"{UNIFIED}/get-scriptwriter-chat"
CLEAR = f"{UNIFIED}/clear-scriptwriter-chat"
SESSIONS = "/api/chat/sessions"
CLEARED = {"success": True, "message": "Chat history cleared"}
DAY = 86_400
both_channels = pytest.mark.parametrize("channel", ["scriptwriter", "scene-writer"])


def said(answer: Any) -> list[object]:
    return [message["content"] for message in answer.json["messages"]]


async def imported(store: SessionStore, user_id: str, session_id: str, *hours_ago: float) -> None:
    """Store a scriptwriter's chat from elsewhere, with a message of each of these ages."""
    now = utc_now()
    times = [now - timedelta(hours=hours) for hours in hours_ago]
    messages = [
        ImportedMessage(id=f"m{number}", role="user", content=f"{hours} hours old", created_at=at)
        for number, (hours, at) in enumerate(zip(hours_ago, times, strict=True), 1)
    ]
    session = ImportedSession(
        id=session_id,
        user_id=user_id,
        channel="scriptwriter",
        ttl_seconds=DAY,
        created_at=now - timedelta(hours=1),
        updated_at=now,
        last_activity_at=now,
        last_seq=len(messages),
    )
    assert await store.import_session(session, messages)


@both_channels
async def test_the_examples_of_its_page_work(api: Client, channel: str) -> None:
    http, user = api.speaking_for(None), an_owner()

    first = await http.post(f"{UNIFIED}/{channel}-chat", {"message": "Hi, what can you do?", "user_id": user})
    session_id = first.json["session_id"]
    await http.post(
        f"{UNIFIED}/{channel}-chat", {"message": "Show me an example", "session_id": session_id, "user_id": user}
    )
    history = await http.get(f"{UNIFIED}/get-{channel}-chat/{session_id}?user_id={user}&limit=50")
    cleared = await http.delete(f"{UNIFIED}/clear-{channel}-chat/{session_id}?user_id={user}")
    after = await http.get(f"{UNIFIED}/get-{channel}-chat/{session_id}?user_id={user}")

    assert (first.status, first.json) == (200, {"success": True, "result": None, "session_id": session_id})
    assert [(message["role"], message["content"]) for message in history.json["messages"]] == [
        ("user", "Hi, what can you do?"),
        ("user", "Show me an example"),
    ]
    assert (cleared.status, cleared.json) == (200, CLEARED)
    assert after.refusal == (404, "session_not_found")


async def test_the_requests_of_its_page_in_the_browser_work(api: Client) -> None:
    http = api.speaking_for(None)
    body = {"message": "Test message", "session_id": None, "user_id": "default", "channel_id": "UC123"}

    session_id = (await http.post(SAY, body)).json["session_id"]
    history = (await http.get(f"{GET}/{session_id}?user_id=default&limit=50")).json
    stored = (await api.speaking_for("default").get(f"{SESSIONS}/{session_id}")).json

    (message,) = stored["messages"]
    shown = {name: message[name] for name in ("role", "content", "created_at")}
    assert history == {"success": True, "session_id": session_id, "message_count": 1, "messages": [shown]}
    assert message["metadata"] == {"channel_id": "UC123"}
    assert (await http.delete(f"{CLEAR}/{session_id}?user_id=default")).json == CLEARED


async def test_an_undefined_channel_is_left_out(api: Client) -> None:
    session_id = (await api.post(SAY, {"message": "Hi"})).json["session_id"]

    (message,) = (await api.get(f"{SESSIONS}/{session_id}")).json["messages"]
    assert message["metadata"] == {}


@both_channels
@pytest.mark.parametrize("ttls", [{}, {"scriptwriter": 60, "scene-writer": -1, "web": 5}])
async def test_a_chat_lives_for_a_day_whatever_the_settings_say(
    serve: Serve, store: SessionStore, channel: str, ttls: dict[str, int]
) -> None:
    async with serve(store, channel_ttl_seconds=ttls) as api:
        session_id = (await api.post(f"{UNIFIED}/{channel}-chat", {"message": "Hi"})).json["session_id"]
        session = (await api.get(f"{SESSIONS}/{session_id}")).json

    assert (session["channel"], session["ttl_seconds"]) == (channel, DAY)


async def test_a_chat_goes_on_under_an_id_of_the_clients_own(api: Client) -> None:
    first = await api.post(SAY, {"message": "one", "session_id": "abc123"})
    second = await api.post(SAY, {"message": "two", "session_id": "abc123"})

    assert [answer.json["session_id"] for answer in (first, second)] == ["abc123", "abc123"]
    assert said(await api.get(f"{GET}/abc123")) == ["one", "two"]


async def test_the_newest_ten_messages_are_shown_oldest_first(api: Client) -> None:
    await a_talk(api, *numbered(25), id="long", channel="scriptwriter")

    usual, short, all_of_it = [await api.get(f"{GET}/long{query}") for query in ("", "?limit=2", "?limit=200")]

    assert said(usual) == numbered(25)[15:]
    assert said(short) == numbered(25)[23:]
    assert said(all_of_it) == numbered(25)
    assert [answer.json["message_count"] for answer in (usual, short, all_of_it)] == [10, 2, 25]


async def test_messages_older_than_a_day_are_not_shown(api: Client, store: SessionStore) -> None:
    assert api.user is not None
    await imported(store, api.user, "aged", 30, 24.01, 23.99, 1)
    await imported(store, api.user, "old", 30)

    aged, old = await api.get(f"{GET}/aged?limit=200"), await api.get(f"{GET}/old")

    assert (said(aged), aged.json["message_count"]) == (["23.99 hours old", "1 hours old"], 2)
    assert (old.status, old.json["messages"], old.json["message_count"]) == (200, [], 0)


async def test_a_chat_of_another_channel_is_not_found(api: Client) -> None:
    await a_talk(api, "for the script", id="scripted", channel="scriptwriter")
    await a_talk(api, "for nobody here", id="web", channel="web")

    for session_id in ("scripted", "web"):
        answer = await api.get(f"{UNIFIED}/get-scene-writer-chat/{session_id}")
        cleared = await api.delete(f"{UNIFIED}/clear-scene-writer-chat/{session_id}")
        assert answer.refusal == (404, "session_not_found")
        assert (cleared.status, cleared.json) == (200, CLEARED)
        assert (await api.get(f"{SESSIONS}/{session_id}")).json["message_count"] == 1


async def test_one_id_used_in_both_channels_is_two_chats(api: Client) -> None:
    scene = f"{UNIFIED}/scene-writer-chat"
    await api.post(SAY, {"message": "script", "session_id": "abc123"})
    first = await api.post(scene, {"message": "scene", "session_id": "abc123"})
    await api.post(scene, {"message": "another", "session_id": "abc123"})
    await api.post(scene, {"message": "one more", "session_id": first.json["session_id"]})

    assert first.json["session_id"] == "abc123.scene-writer"
    assert said(await api.get(f"{UNIFIED}/get-scene-writer-chat/abc123")) == ["scene", "another", "one more"]
    assert said(await api.get(f"{GET}/abc123")) == ["script"]


async def test_clearing_one_of_two_chats_of_one_id_keeps_the_other(api: Client) -> None:
    scene = f"{UNIFIED}/scene-writer-chat"
    await api.post(SAY, {"message": "script", "session_id": "abc123"})
    await api.post(scene, {"message": "scene", "session_id": "abc123"})

    await api.delete(f"{CLEAR}/abc123")
    await api.post(scene, {"message": "another", "session_id": "abc123"})

    assert (await api.get(f"{GET}/abc123")).refusal == (404, "session_not_found")
    assert said(await api.get(f"{UNIFIED}/get-scene-writer-chat/abc123")) == ["scene", "another"]


async def test_an_id_that_is_taken_twice_is_not_found(api: Client) -> None:
    await a_talk(api, "web", id="abc123", channel="web")
    await a_talk(api, "web", id="abc123.scriptwriter", channel="web")

    assert (await api.post(SAY, {"message": "Hi", "session_id": "abc123"})).refusal == (404, "session_not_found")
    assert (await api.get(f"{GET}/abc123")).refusal == (404, "session_not_found")
    assert (await api.delete(f"{CLEAR}/abc123")).json == CLEARED


async def test_an_id_that_only_the_old_system_allowed_leads_to_its_chat(api: Client) -> None:
    session_id = (await api.post(SAY, {"message": "Hi", "session_id": "user 7/chat"})).json["session_id"]

    answer = await api.get(f"{GET}/user%207%2Fchat")

    assert (answer.json["session_id"], said(answer)) == (session_id, ["Hi"])
    assert (await api.delete(f"{CLEAR}/user%207%2Fchat")).json == CLEARED
    assert (await api.get(f"{SESSIONS}/{session_id}")).status == 404


@pytest.mark.parametrize("session_id", ["unknown", "no%20id", "%F0%9F%98%80", "x" * 65])
async def test_an_unknown_chat_is_not_found_but_can_be_cleared(api: Client, session_id: str) -> None:
    assert (await api.get(f"{GET}/{session_id}")).refusal == (404, "session_not_found")
    assert [(await api.delete(f"{CLEAR}/{session_id}")).json for _ in range(2)] == [CLEARED, CLEARED]


async def test_an_archived_chat_can_be_read_and_cleared_but_not_continued(api: Client) -> None:
    await a_talk(api, "one", id="mine", channel="scriptwriter")
    await api.post(f"{SESSIONS}/mine/archive")

    assert (await api.post(SAY, {"message": "two", "session_id": "mine"})).refusal == (409, "session_archived")
    assert said(await api.get(f"{GET}/mine")) == ["one"]
    assert (await api.delete(f"{CLEAR}/mine")).json == CLEARED
    assert (await api.get(f"{SESSIONS}/mine")).status == 404


@refused_before_any_store_is_asked
@pytest.mark.parametrize(
    "channel", ["web", "default", "Scriptwriter", "scene_writer", "scriptwriter-chat", "scriptwriter%20"]
)
async def test_there_are_no_other_channels_here(api: Client, channel: str) -> None:
    for answer in (
        await api.post(f"{UNIFIED}/{channel}-chat", {"message": "Hi"}),
        await api.get(f"{UNIFIED}/get-{channel}-chat/abc123"),
        await api.delete(f"{UNIFIED}/clear-{channel}-chat/abc123"),
    ):
        assert answer.refusal == (404, "session_not_found")
        assert "scriptwriter and scene-writer" in answer.json["detail"]


@refused_before_any_store_is_asked
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"message": None},
        {"message": ["Hi"]},
        {"message": "Hi", "session_id": 5},
        {"message": "Hi", "channel_id": 5},
        {"message": "Hi", "channel_id": "x" * 257},
        {"message": "Hi", "chat_history": []},
    ],
)
async def test_a_body_that_says_nothing_is_refused(api: Client, body: object) -> None:
    assert (await api.post(SAY, body)).refusal == (422, "validation_failed")


@refused_before_any_store_is_asked
@pytest.mark.parametrize("limit", ["0", "201", "ten", "-1"])
async def test_a_limit_out_of_bounds_is_refused(api: Client, limit: str) -> None:
    assert (await api.get(f"{GET}/abc123?limit={limit}")).refusal == (400, "bad_request")


async def test_a_message_that_is_too_large_leaves_nothing_behind(api: Client) -> None:
    refused = await api.post(SAY, {"message": "x" * 1_048_577, "session_id": "mine"})

    assert refused.refusal == (413, "payload_too_large")
    assert (await api.get(f"{SESSIONS}/mine")).status == 404


async def test_the_same_words_twice_are_said_twice(api: Client) -> None:
    for _ in range(2):
        await api.post(SAY, {"message": "Hi", "session_id": "mine"})
    await api.post(f"{SESSIONS}/mine/messages", spoken("and here"))

    assert said(await api.get(f"{GET}/mine")) == ["Hi", "Hi", "and here"]
