"""The conversation logs of seed 000, as its own document uses them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from parley_client import AsyncParley, DatabaseService, Parley, ParleyError, Patience

from tests.clients.conftest import IMPATIENT, contents
from tests.clients.weather import Weather
from tests.cosmos.proxy import drops_answer

NOWHERE = "http://127.0.0.1:9"
MESSAGE_FIELDS = ["timestamp", "message_type", "content", "persona", "audio_file", "transcription_confidence"]
NEW_FORMAT = [  # "After (New Format)" of the seed
    {"timestamp": "2024-01-01T10:00:00Z", "message_type": "user", "content": "Hello", "persona": None},
    {"timestamp": "2024-01-01T10:01:00Z", "message_type": "ai", "content": "Hi there!", "persona": "investor"},
]


@pytest_asyncio.fixture
async def db_service(weather: Weather, customer: str) -> AsyncIterator[DatabaseService]:
    """Return the service for a user who has nothing yet."""
    async with AsyncParley(weather.url, patience=IMPATIENT) as client, DatabaseService(client, user=customer) as made:
        yield made


@pytest_asyncio.fixture
async def nobody() -> AsyncIterator[AsyncParley]:
    """Return a client whose Parley is not there."""
    async with AsyncParley(NOWHERE, patience=Patience(tries=1)) as client:
        yield client


async def test_logging_a_conversation_message_makes_its_session(db_service: DatabaseService, parley: Parley) -> None:
    logged = await db_service.log_conversation({
        "session_id": "session_123",
        "message_type": "user",
        "content": "Hello, I want to pitch my startup.",
        "persona": None
    })  # fmt: skip

    (message,) = await db_service.get_conversation_logs("session_123")
    stored = parley.read_session("session_123")["messages"][0]
    assert logged is True
    assert list(message) == MESSAGE_FIELDS
    assert message == {
        **dict.fromkeys(MESSAGE_FIELDS),
        "timestamp": stored["created_at"],
        "message_type": "user",
        "content": "Hello, I want to pitch my startup.",
    }


async def test_the_document_of_the_new_format_comes_back_with_the_times_it_was_given(
    db_service: DatabaseService, parley: Parley
) -> None:
    for message in NEW_FORMAT:
        await db_service.log_conversation({"session_id": "session_123", **message})

    document = await db_service.get_conversation_log_document("session_123")

    session = parley.read_session("session_123")
    empty = {"audio_file": None, "transcription_confidence": None}
    assert document == {
        "_id": "session_123",
        "session_id": "session_123",
        "created_at": session["created_at"],
        "updated_at": session["updated_at"],
        "messages": [{**message, **empty} for message in NEW_FORMAT],
    }
    assert [message["role"] for message in session["messages"]] == ["user", "assistant"]


async def test_statistics_have_the_keys_of_the_seed(db_service: DatabaseService) -> None:
    kinds = ["user"] * 5 + ["ai"] * 4 + ["system"]
    for minute, kind in enumerate(kinds):
        at = f"2024-01-01T10:{minute:02}:00Z"
        await db_service.log_conversation(
            {"session_id": "session_123", "message_type": kind, "content": "", "timestamp": at}
        )

    stats = await db_service.get_conversation_stats("session_123")

    assert stats == {
        "message_count": 10,
        "user_messages": 5,
        "ai_messages": 4,
        "system_messages": 1,
        "first_message_time": "2024-01-01T10:00:00Z",
        "last_message_time": "2024-01-01T10:09:00Z",
    }


async def test_everything_a_message_holds_is_kept(db_service: DatabaseService, parley: Parley) -> None:
    at = datetime(2024, 1, 1, 10, tzinfo=UTC)
    message = {"message_type": "narrator", "content": "é", "audio_file": "a.wav", "transcription_confidence": 0.5}
    await db_service.log_conversation({"session_id": "s", "timestamp": at, "mood": "good", **message})

    found = await db_service.get_conversation_logs("s")

    stored = parley.read_session("s")["messages"][0]
    assert found == [{**message, "timestamp": "2024-01-01T10:00:00+00:00", "persona": None}]
    assert (stored["role"], stored["audio_files"], stored["metadata"]["mood"]) == ("system", ["a.wav"], "good")


async def test_messages_come_by_their_times_and_those_of_one_time_as_they_were_logged(
    db_service: DatabaseService,
) -> None:
    for content, second in (("later", 9), ("first", 1), ("second", 1), ("third", 1)):
        at = f"2024-01-01T10:00:0{second}Z"
        await db_service.log_conversation(
            {"session_id": "s", "message_type": "user", "content": content, "timestamp": at}
        )

    assert contents(await db_service.get_conversation_logs("s")) == ["first", "second", "third", "later"]
    assert contents(await db_service.get_conversation_logs("s", limit=1)) == ["third"]


async def test_more_messages_than_one_answer_holds_are_all_returned(
    db_service: DatabaseService, parley: Parley
) -> None:
    for batch in range(13):
        said = [{"role": "user", "content": batch * 20 + number} for number in range(20)]
        parley.append_anywhere(*({**each, "content": str(each["content"])} for each in said), session_id="s")

    assert contents(await db_service.get_conversation_logs("s")) == [str(number) for number in range(260)]


async def test_a_session_id_that_parley_cannot_have_is_found_again(db_service: DatabaseService, parley: Parley) -> None:
    logged = [
        await db_service.log_conversation({"session_id": "pitch / 1", "message_type": "user", "content": content})
        for content in ("a", "b")
    ]

    document = await db_service.get_conversation_log_document("pitch / 1")

    (session,) = parley.sessions()
    assert logged == [True, True]
    assert document
    assert (document["session_id"], contents(document["messages"])) == ("pitch / 1", ["a", "b"])
    assert session["context"] == {"original_id": "pitch / 1"}


async def test_logging_into_an_archived_session_restores_it(db_service: DatabaseService, parley: Parley) -> None:
    for content in ("before", "after"):
        message = {"session_id": "s", "message_type": "user", "content": content}
        assert await db_service.log_conversation(message) is True
        if content == "before":
            parley.archive("s")

    session = parley.read_session("s")
    assert (session["status"], contents(session["messages"])) == ("active", ["before", "after"])


async def test_an_unknown_session_is_empty(db_service: DatabaseService) -> None:
    counts = dict.fromkeys(["message_count", "user_messages", "ai_messages", "system_messages"], 0)

    assert await db_service.get_conversation_logs("unknown") == []
    assert await db_service.get_conversation_log_document("unknown") is None
    assert await db_service.get_conversation_stats("unknown") == {
        **counts, "first_message_time": None, "last_message_time": None
    }  # fmt: skip


async def test_a_message_whose_answer_is_lost_is_logged_once(db_service: DatabaseService, weather: Weather) -> None:
    rule = weather.on("POST", "/api/chat/messages", drops_answer, times=2)

    logged = await db_service.log_conversation({"session_id": "s", "message_type": "user", "content": "once"})

    assert (logged, rule.met) == (True, 2)
    assert contents(await db_service.get_conversation_logs("s")) == ["once"]


async def test_without_parley_nothing_is_raised_but_logged(
    nobody: AsyncParley, caplog: pytest.LogCaptureFixture
) -> None:
    service = DatabaseService(nobody)

    logged = await service.log_conversation({"session_id": "s", "message_type": "user", "content": "Hello"})

    assert logged is False
    assert await service.get_conversation_logs("s") == []
    assert await service.get_conversation_log_document("s") is None
    assert (await service.get_conversation_stats("s"))["message_count"] == 0
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 4


async def test_who_asks_for_it_is_told_of_failures(nobody: AsyncParley) -> None:
    service = DatabaseService(nobody, strict=True)

    with pytest.raises(ParleyError):
        await service.log_conversation({"session_id": "s", "message_type": "user", "content": "Hello"})
    with pytest.raises(ParleyError):
        await service.get_conversation_logs("s")
    with pytest.raises(ValueError, match="session_id"):
        await service.log_conversation({"message_type": "user", "content": "Hello"})
