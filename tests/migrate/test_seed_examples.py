"""The very examples of the five earlier systems' own documents."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.migrate.record import UsageError
from shared.models import format_time, utc_now
from shared.store.port import SessionStore
from tests.builders import a_message, all_messages, listed

from .importing import everything, import_text, source_by

pytestmark = pytest.mark.on_both_stores

CONVERSATION_LOG = {
    "session_id": "session_123",
    "created_at": "2024-01-01T10:00:00Z",
    "updated_at": "2024-01-01T10:05:00Z",
    "messages": [
        {"timestamp": "2024-01-01T10:00:00Z", "message_type": "user", "content": "Hello", "persona": None},
        {"timestamp": "2024-01-01T10:01:00Z", "message_type": "ai", "content": "Hi there!", "persona": "investor"},
    ],
}
OLD_LOG = {
    "_id": {"$oid": "659290a0f1d2c3b4a5968778"},
    "session_id": "session_123",
    "timestamp": {"$date": "2024-01-01T10:00:00Z"},
    "message_type": "user",
    "content": "Hello",
    "persona": None,
}
CHAT_SESSION = {
    "id": "session_12345_20240101_120000",
    "user_id": "user_123",
    "session_name": "Shopping Chat",
    "is_active": True,
    "context": {},
    "messages": [
        {
            "id": "msg_1",
            "content": "Hello!",
            "message_type": "user",
            "user_id": "user_123",
            "metadata": {},
            "created_at": "2024-01-01T12:00:00Z",
        },
        {
            "id": "msg_2",
            "content": "Hi! How can I help you?",
            "message_type": "assistant",
            "user_id": "user_123",
            "metadata": {"type": "ai_response"},
            "created_at": "2024-01-01T12:00:01Z",
        },
    ],
    "message_count": 2,
    "last_message_at": "2024-01-01T12:00:01Z",
    "created_at": "2024-01-01T12:00:00Z",
    "updated_at": "2024-01-01T12:00:01Z",
}
CONVERSATION = {
    "id": "unique_conversation_id",
    "customer_id": "session_or_user_identifier",
    "session_id": "streamlit_session_id",
    "created_at": "2025-01-24T10:30:00Z",
    "updated_at": "2025-01-24T10:35:00Z",
    "messages": [
        {"role": "user", "content": "user message content", "timestamp": "2025-01-24T10:30:00Z"},
        {"role": "assistant", "content": "assistant response", "timestamp": "2025-01-24T10:30:15Z"},
    ],
}


async def test_000_a_session_in_one_document(store: SessionStore, owner: str, tmp_path: Path) -> None:
    await import_text(store, "conversation-logs", json.dumps(CONVERSATION_LOG), tmp_path, user_id=owner)

    [(session, [hello, answer])] = await everything(store, [owner])
    assert (session.id, session.message_count, session.context) == ("session_123", 2, {})
    assert session.created_at == datetime(2024, 1, 1, 10, tzinfo=UTC)
    assert session.updated_at == datetime(2024, 1, 1, 10, 5, tzinfo=UTC)
    assert session.last_activity_at == answer.created_at == datetime(2024, 1, 1, 10, 1, tzinfo=UTC)
    assert [(said.role, said.content, said.persona) for said in (hello, answer)] == [
        ("user", "Hello", None),
        ("assistant", "Hi there!", "investor"),
    ]


async def test_000_a_document_for_each_message(store: SessionStore, owner: str, tmp_path: Path) -> None:
    spoken = {**OLD_LOG, "audio_file": "hello.mp3", "transcription_confidence": 0.93}

    await import_text(store, "conversation-logs", json.dumps(spoken), tmp_path, user_id=owner)

    [(session, [hello])] = await everything(store, [owner])
    assert (session.id, hello.id, hello.role) == ("session_123", "659290a0f1d2c3b4a5968778", "user")
    assert (hello.audio_files, hello.transcription_confidence) == (["hello.mp3"], 0.93)
    assert hello.metadata == {}


async def test_000_a_half_migrated_collection_holds_each_message_once(
    store: SessionStore, owner: str, tmp_path: Path
) -> None:
    text = f"{json.dumps(OLD_LOG)}\n{json.dumps(CONVERSATION_LOG)}\n"

    report = await import_text(store, "conversation-logs", text, tmp_path, user_id=owner)

    [(_, messages)] = await everything(store, [owner])
    assert [said.content for said in messages] == ["Hello", "Hi there!"]
    assert report.records.repeated == 1


async def test_000_what_was_said_twice_is_there_twice(store: SessionStore, owner: str, tmp_path: Path) -> None:
    again = {**OLD_LOG, "_id": {"$oid": "659290a0f1d2c3b4a5968779"}}
    text = "\n".join(json.dumps(document) for document in (CONVERSATION_LOG, OLD_LOG, again))

    await import_text(store, "conversation-logs", text, tmp_path, user_id=owner)

    [(_, messages)] = await everything(store, [owner])
    assert [said.content for said in messages] == ["Hello", "Hello", "Hi there!"]


async def test_001_a_session_document(store: SessionStore, owner: str, tmp_path: Path) -> None:
    mine = json.dumps(CHAT_SESSION).replace("user_123", owner)

    await import_text(store, "chat-messages", mine, tmp_path)

    [(session, messages)] = await everything(store, [owner])
    assert (session.id, session.session_name) == ("session_12345_20240101_120000", "Shopping Chat")
    assert (session.is_active, session.context) == (True, {})
    assert format_time(session.updated_at) == "2024-01-01T12:00:01.000000Z"
    assert [(said.id, said.role, said.content, said.metadata) for said in messages] == [
        ("msg_1", "user", "Hello!", {}),
        ("msg_2", "assistant", "Hi! How can I help you?", {"type": "ai_response"}),
    ]


async def test_001_single_messages_are_grouped_by_session_and_user(
    store: SessionStore, owner: str, tmp_path: Path
) -> None:
    said = [{**message, "session_id": "s1", "user_id": owner} for message in CHAT_SESSION["messages"]]  # type: ignore[index]
    others = [{**said[0], "user_id": f"{owner}.2"}]

    await import_text(store, "chat-messages", json.dumps([said[1], *others, said[0]]), tmp_path)

    [(mine, messages), (theirs, other)] = await everything(store, [owner, f"{owner}.2"])
    assert mine.id == theirs.id == "s1"
    assert [message.content for message in messages] == ["Hello!", "Hi! How can I help you?"]
    assert [message.content for message in other] == ["Hello!"]


async def test_001_records_on_one_line_are_told_apart(store: SessionStore, owner: str, tmp_path: Path) -> None:
    message = {"session_id": "s", "user_id": owner, "message_type": "user"}
    said = [{**message, "id": str(number), "content": "x" * 1_400_000 if number == 1 else "x"} for number in range(3)]

    report = await import_text(store, "chat-messages", json.dumps(said), tmp_path)

    [(_, messages)] = await everything(store, [owner])
    assert [message.id for message in messages] == ["0", "2"]
    assert (report.records.stored, report.records.set_aside) == (2, 1)


@pytest.mark.parametrize("inactive", [False, "False", 0])
async def test_001_a_session_that_is_not_active_comes_archived(
    store: SessionStore, owner: str, tmp_path: Path, inactive: object
) -> None:
    mine = json.dumps({**CHAT_SESSION, "user_id": owner, "is_active": inactive})

    await import_text(store, "chat-messages", mine, tmp_path)

    [session] = await listed(store, owner, status="archived")
    assert format_time(session.archived_at) == "2024-01-01T12:00:01.000000Z"  # type: ignore[arg-type]


def ttl_message(owner: str, hours_ago: float, content: str = "Message text here...", number: int = 0) -> str:
    created_at = utc_now() - timedelta(hours=hours_ago)
    document = {
        "_id": {"$oid": f"{int(created_at.timestamp()):08x}{number:016x}"},
        "session_id": "unique_session_id",
        "user_id": owner,
        "role": "user",
        "content": content,
        "created_at": {"$date": format_time(created_at)},
    }
    return json.dumps(document)


async def test_003_a_session_ends_a_day_after_its_last_message(store: SessionStore, owner: str, tmp_path: Path) -> None:
    text = "\n".join(ttl_message(owner, hours, number=int(hours)) for hours in (3, 2))

    await import_text(store, "ttl-chat", text, tmp_path, channel="scriptwriter")

    [(session, messages)] = await everything(store, [owner])
    assert (session.channel, session.ttl_seconds, len(messages)) == ("scriptwriter", 86_400, 2)
    assert session.expires_at is not None
    assert abs(session.expires_at - messages[-1].created_at - timedelta(days=1)) < timedelta(seconds=5)


async def test_003_what_is_older_than_a_day_stays_behind_and_is_counted(
    store: SessionStore, owner: str, tmp_path: Path
) -> None:
    text = "\n".join([ttl_message(owner, 25, "old"), ttl_message(owner, 1, "new"), ttl_message(f"{owner}.2", 30)])

    report = await import_text(store, "ttl-chat", text, tmp_path, channel="scriptwriter")

    [(_, [message])] = await everything(store, [owner, f"{owner}.2"])
    assert message.content == "new"
    assert (report.messages.expired, report.records.expired, report.sessions.expired) == (2, 2, 1)


async def test_003_a_session_id_of_both_channels_gets_its_channel_the_second_time(
    store: SessionStore, owner: str, tmp_path: Path
) -> None:
    script, scene = ttl_message(owner, 2, "a script"), ttl_message(owner, 1, "a scene")
    for _ in range(2):
        await import_text(store, "ttl-chat", script, tmp_path, channel="scriptwriter")
        await import_text(store, "ttl-chat", scene, tmp_path, channel="scene-writer")

    found = {session.id: (session.channel, session.context) for session, _ in await everything(store, [owner])}
    assert found == {
        "unique_session_id": ("scriptwriter", {}),
        "unique_session_id.scene-writer": ("scene-writer", {"original_id": "unique_session_id"}),
    }


async def test_003_the_second_channel_is_found_when_the_first_is_gone(
    store: SessionStore, owner: str, tmp_path: Path
) -> None:
    await import_text(store, "ttl-chat", ttl_message(owner, 2, "a script"), tmp_path, channel="scriptwriter")
    scene = ttl_message(owner, 1, "a scene")
    await import_text(store, "ttl-chat", scene, tmp_path, channel="scene-writer")
    await store.delete(owner, "unique_session_id")

    report = await import_text(store, "ttl-chat", scene, tmp_path, channel="scene-writer")

    assert [session.id for session in await listed(store, owner)] == ["unique_session_id.scene-writer"]
    assert report.sessions.already_there == 1


async def test_004_a_conversation_of_a_customer(store: SessionStore, owner: str, tmp_path: Path) -> None:
    mine = json.dumps({**CONVERSATION, "customer_id": owner})

    await import_text(store, "conversations", mine, tmp_path)

    [(session, messages)] = await everything(store, [owner])
    assert (session.id, session.context) == ("unique_conversation_id", {"session_id": "streamlit_session_id"})
    assert format_time(session.updated_at) == "2025-01-24T10:35:00.000000Z"
    assert [(said.role, said.content, format_time(said.created_at)) for said in messages] == [
        ("user", "user message content", "2025-01-24T10:30:00.000000Z"),
        ("assistant", "assistant response", "2025-01-24T10:30:15.000000Z"),
    ]


async def test_004_messages_as_a_models_api_has_them_keep_their_calls(
    store: SessionStore, owner: str, tmp_path: Path
) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "1", "tool_call_id": "call_1"},
        {"role": "assistant", "content": None, "function_call": {"name": "g", "arguments": "{}"}},
        {"role": "function", "content": "2", "name": "g"},
        {"role": "user", "content": "x", "name": "Ann", "function_call": "auto"},
    ]
    document = {**CONVERSATION, "customer_id": owner, "messages": messages}

    await import_text(store, "conversations", json.dumps(document), tmp_path)

    [(_, [asks, answers, asks_g, answers_g, said])] = await everything(store, [owner])
    assert (asks.content, asks.function_calls, answers.role, answers.tool_call_id) == ("", [call], "tool", "call_1")
    assert [given["id"] for given in asks_g.function_calls if isinstance(given, dict)] == [answers_g.tool_call_id]
    assert (answers_g.role, answers_g.name, answers_g.content) == ("tool", "g", "2")
    assert (said.name, said.function_calls, said.metadata) == ("Ann", [], {"function_call": "auto"})


UNKNOWN = {
    "conversations": {"id": "c", "customer_id": "a", "messages": [{"sender": "bot", "text": "hi"}]},
    "chat-messages": {"id": "c", "user_id": "a", "messages": [{"message_type": "user", "text": "hi"}]},
    "conversation-logs": {"session_id": "c", "message_type": "user", "message": "hi"},
    "postgres": {"session_id": "c", "message_id": "m", "message_type": "bot", "content": "hi"},
    "aoai-sample": {"id": "m", "type": "message", "conversationId": "c", "role": "user", "content": "", "text": "hi"},
}


@pytest.mark.parametrize("source", UNKNOWN)
async def test_a_message_of_an_unknown_shape_is_set_aside(tmp_path: Path, source: str) -> None:
    report = await import_text(None, source, json.dumps(UNKNOWN[source]), tmp_path, dry_run=True)

    assert (report.reasons, report.messages.stored) == ({"a message of an unknown shape": 1}, 0)


async def test_000_a_message_whose_role_is_called_role_keeps_it(
    store: SessionStore, owner: str, tmp_path: Path
) -> None:
    document = {"session_id": "c", "role": "user", "content": "hi"}

    await import_text(store, "conversation-logs", json.dumps(document), tmp_path, user_id=owner)

    [(_, [said])] = await everything(store, [owner])
    assert (said.role, said.metadata) == ("user", {})


async def test_004_a_document_whose_messages_have_another_name_is_set_aside(tmp_path: Path) -> None:
    document = {"id": "c", "customer_id": "a", "history": [{"role": "user", "content": "hi"}]}

    report = await import_text(None, "conversations", json.dumps(document), tmp_path, dry_run=True)

    assert report.reasons == {"not a conversation": 1}


@pytest.mark.parametrize("channel", [None, "other"])
def test_003_needs_one_of_its_two_channels(channel: str | None) -> None:
    with pytest.raises(UsageError):
        source_by("ttl-chat", channel=channel)


async def test_an_imported_session_goes_on(store: SessionStore, owner: str, tmp_path: Path) -> None:
    mine = json.dumps({**CONVERSATION, "customer_id": owner})
    await import_text(store, "conversations", mine, tmp_path)

    await store.append(owner, "unique_conversation_id", [a_message("and on")])

    session = await store.get(owner, "unique_conversation_id")
    assert [message.seq for message in await all_messages(store, session)] == [1, 2, 3]
