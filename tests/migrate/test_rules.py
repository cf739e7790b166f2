"""What becomes of roles, ids, times, contents and everything else that is not as Parley has it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.migrate.prepare import Prepared, prepare
from shared.migrate.record import Conversation, Key, Record, SessionRecords, Turn
from shared.migrate.sessions import Rules
from shared.models import MAX_CONTEXT_BYTES, ImportedMessage, ImportedSession, stored_bytes

RULES = Rules(datetime(2026, 1, 1, tzinfo=UTC), lambda _channel: 60)
NOON = "2024-01-01T12:00:00Z"


def prepared(*turns: dict[str, Any], rules: Rules = RULES, **fields: Any) -> Prepared:
    """Prepare a conversation of these turns, each in a record of its own, behind one of the conversation itself."""
    own = Record(0, {})
    records = [Record(number, dict(turn), number) for number, turn in enumerate(turns, 1)]
    said = [
        Turn(record=record, **{"role": "user", "time": NOON, **turn})
        for record, turn in zip(records, turns, strict=True)
    ]
    given = {
        "key": Key("owner", "session"),
        "session_records": SessionRecords([own]),
        "records": [own, *records],
        "turns": said,
    }
    return prepare("test", Conversation(**(given | fields)), rules)


def message(**turn: Any) -> ImportedMessage:
    """Return what becomes of one turn."""
    return prepared({"content": "said", **turn}).messages[0]


def session(**fields: Any) -> ImportedSession:
    """Return what becomes of a conversation of one turn."""
    found = prepared({"content": "said", "id": "m1"}, **fields).session
    assert found is not None
    return found


# Roles


@pytest.mark.parametrize(
    ("role", "plain"),
    [
        ("ai", "assistant"),
        ("bot", "assistant"),
        ("human", "user"),
        ("function", "tool"),
        ("developer", "developer"),
        ("USER", "user"),
    ],
)
def test_roles_have_other_names(role: str, plain: str) -> None:
    found = message(role=role)

    assert (found.role, found.metadata) == (plain, {})


@pytest.mark.parametrize("role", ["narrator", "", None, 7, ["user"]])
def test_an_unknown_role_is_system_and_kept(role: Any) -> None:
    found = message(role=role)

    assert (found.role, found.metadata) == ("system", {"original_role": role})


# Ids


@pytest.mark.parametrize("broken", ["has space", "", "ü", "x" * 65, "-first", "a/b", "_id"])
def test_an_id_that_breaks_the_grammar_is_replaced_and_kept(broken: str) -> None:
    found = message(id=broken)

    assert found.id.startswith("x-")
    assert found.metadata == ({"original_id": broken} if broken else {})
    assert message(id=broken).id == found.id


def test_a_missing_id_stays_the_same_when_other_messages_go() -> None:
    turns = [{"content": "a"}, {"content": "b"}, {"content": "c"}]

    few, many = prepared(*turns[1:]).messages, prepared(*turns).messages

    assert [found.id for found in few] == [found.id for found in many[1:]]


def test_the_same_said_twice_without_ids_is_there_twice() -> None:
    found = prepared({"content": "ok"}, {"content": "ok"}).messages

    assert [each.content for each in found] == ["ok", "ok"]
    assert found[0].id != found[1].id


def test_a_repeat_under_the_same_id_is_dropped_and_counted() -> None:
    found = prepared({"content": "ok", "id": "m"}, {"content": "ok", "id": "m", "metadata": {"more": 1}})

    assert [(each.id, each.metadata) for each in found.messages] == [("m", {"more": 1})]
    assert (found.repeated.messages, len(found.repeated.records)) == (1, 1)


@pytest.mark.parametrize("other", [{"content": "else"}, {"content": "ok", "metadata": {"n": 2}}])
def test_something_else_under_the_same_id_is_kept_under_another(other: dict[str, Any]) -> None:
    found = prepared({"content": "ok", "id": "m", "metadata": {"n": 1}}, {"id": "m", **other}).messages

    assert [each.id == "m" for each in found] == [True, False]
    assert found[1].metadata["original_id"] == "m"


@pytest.mark.parametrize("broken", ["with space", "s" * 65, "ünicode", "a/b"])
def test_a_session_id_that_breaks_the_grammar_is_replaced_and_kept(broken: str) -> None:
    found = session(key=Key("owner", broken))

    assert found.id.startswith("x-")
    assert found.context == {"original_id": broken}


def test_an_owner_that_cannot_be_one_becomes_what_a_signed_in_user_would() -> None:
    found = session(key=Key("a/b", "session"))

    assert found.user_id == "h-c14cddc033f64b9dea80ea675cf280a015e672516090a5626781153dc68fea11"
    assert found.context == {"original_user_id": "a/b"}


@pytest.mark.parametrize("owner", [None, ""])
def test_who_has_no_owner_gets_the_default_one(owner: str | None) -> None:
    found = session(key=Key(owner, "session"), rules=Rules(RULES.now, RULES.ttl_of, "somebody"))

    assert (found.user_id, found.context) == ("somebody", {})


def test_numbers_serve_as_ids() -> None:
    assert session(key=Key(7, 8)).model_dump(include={"user_id", "id", "context"}) == {
        "user_id": "7",
        "id": "8",
        "context": {},
    }


# Times


def test_messages_are_sorted_by_time_and_ties_keep_their_order() -> None:
    times = {"d": "2024-01-01T12:00:01Z", "a": NOON, "b": "2024-01-01T13:00:00+01:00", "c": NOON}

    found = prepared(*({"content": text, "time": time} for text, time in times.items())).messages

    assert [each.content for each in found] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("time", ["2024-01-01T12:00:00", "2024-01-01 12:00:00", "2024-01-01T12:00"])
def test_a_time_without_a_zone_is_taken_as_utc_and_counted(time: str) -> None:
    found = prepared({"content": "x", "time": time})

    assert found.messages[0].created_at == datetime(2024, 1, 1, 12, tzinfo=UTC)
    assert found.notes["times without a zone, taken as UTC"] == 1


@pytest.mark.parametrize(
    "time",
    [
        *(1704110400, 1704110400000, "1704110400", 1704110400.0, "2024-01-01T12:00:00.0000000Z"),
        *(1704110400 * 10**6, "1704110400000000", 1704110400e6, 1704110400 * 10**9, "1704110400000000000"),
        *("2024-01-01t12:00:00z", "2024-01-01t14:00:00+02:00", "2024-01-01 12:00:00z", "2024-01-01T11:59:60Z"),
    ],
)
def test_times_are_read_however_they_are_written(time: Any) -> None:
    assert message(time=time).created_at == datetime(2024, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "time", ["yesterday", True, {"at": 1}, "0001-01-01T00:00:00Z", -9 * 10**10, "9999-12-31T23:59:59-05:00"]
)
def test_what_is_no_time_is_kept_and_the_message_before_lends_its_own(time: Any) -> None:
    found = prepared({"content": "a", "time": "2024-01-01T13:00:00Z"}, {"content": "b", "time": time})

    assert [each.created_at.hour for each in found.messages] == [13, 13]
    assert found.messages[1].metadata == {"original_time": time}
    assert found.notes["times missing or unreadable"] == 1


def test_without_any_time_it_is_the_conversations() -> None:
    found = prepared({"content": "a", "time": None}, created_at=NOON).messages[0]

    assert (found.created_at.hour, found.metadata) == (12, {})


def test_a_session_without_times_has_those_of_its_messages() -> None:
    turns = [{"content": "b", "time": "2024-01-01T13:00:00Z"}, {"content": "a", "time": NOON}]

    found = prepared(*turns).session

    assert found is not None
    assert (found.created_at.hour, found.updated_at.hour, found.last_activity_at.hour) == (12, 13, 13)


def test_microseconds_since_1970_keep_their_last_one() -> None:
    assert message(time=1704110400123456).created_at == datetime(2024, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "active_at"),
    [
        ({}, RULES.now),
        ({"created_at": 0, "updated_at": "yesterday"}, RULES.now),
        ({"updated_at": NOON}, datetime(2024, 1, 1, 12, tzinfo=UTC)),
        ({"created_at": NOON}, datetime(2024, 1, 1, 12, tzinfo=UTC)),
    ],
)
def test_what_nothing_dates_counts_as_active_now(fields: dict[str, Any], active_at: datetime) -> None:
    found = prepared({"content": "a", "time": None}, {"content": "b", "time": 0}, **fields).session

    assert found is not None
    assert (found.last_activity_at, found.updated_at) == (active_at, active_at)


# Whether it is active


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ([True, 1, 1.0, "True", "TRUE", "1", "1.0", "t", "Y", "yes", " on ", None, ""], "active"),
        ([False, 0, 0.0, "False", "FALSE", "0", "0.0", "f", "N", "no", "off ", "Inactive"], "archived"),
    ],
)
def test_is_active_is_read_however_it_is_written(values: list[Any], status: str) -> None:
    found = [session(is_active=value) for value in values]

    assert [(each.status, each.context) for each in found] == [(status, {})] * len(values)


@pytest.mark.parametrize("value", ["maybe", 2, [], {"a": 1}, "nein"])
def test_an_is_active_that_is_neither_is_kept_and_counted(value: Any) -> None:
    found = prepared({"content": "said"}, is_active=value)

    assert found.session is not None
    assert (found.session.status, found.session.context) == ("active", {"original_is_active": value})
    assert found.notes["is_active neither true nor false, taken as active"] == 1


# Contents and everything else


@pytest.mark.parametrize("parts", [[{"type": "text", "text": "x"}], [], [{"type": "image_url", "image_url": {}}]])
def test_content_parts_stay_as_they_are(parts: list[Any]) -> None:
    assert message(content=parts).content == parts


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"a": 1}, '{"a":1}'),
        (7, "7"),
        (False, "false"),
        ([1], "[1]"),
        (["a", {"type": "t"}], [{"type": "text", "text": "a"}, {"type": "t"}]),
    ],
)
def test_content_of_another_kind_becomes_text_and_is_kept(content: Any, text: Any) -> None:
    found = message(content=content)

    assert (found.content, found.metadata) == (text, {"original_content": content})


def test_no_content_is_the_empty_text_and_counted() -> None:
    found = prepared({"content": None})

    assert (found.messages[0].content, found.notes["messages without content"]) == ("", 1)


@pytest.mark.parametrize(
    "turn",
    [
        {"metadata": {"utterance": "hi"}},
        {"content": "", "metadata": {"text": "hi"}},
        {"content": [], "metadata": {"Parts": [{"text": "hi"}]}},
        {"role": None},
        {"content": "hi", "role": None, "metadata": {"sender": "bot"}},
        {"content": "hi", "role": None, "metadata": {"message_type": "user"}},
        {"function_calls": ["f"], "metadata": {"text": "hi"}},
    ],
)
def test_a_text_or_a_speaker_under_another_name_is_set_aside(turn: dict[str, Any]) -> None:
    found = prepared(turn)

    assert [error.reason for error in found.reasons.values()] == ["a message of an unknown shape"]


@pytest.mark.parametrize(
    "turn",
    [
        {"content": "", "metadata": {"mood": "sad"}},
        {"content": "hi", "metadata": {"text": "ho", "type": "t"}},
        {"function_calls": ["f"], "metadata": {"refusal": "no"}},
        {"metadata": {"n": 1, "text": " "}},
    ],
)
def test_a_message_that_says_nothing_may_say_so(turn: dict[str, Any]) -> None:
    assert message(**{"content": None, **turn}).metadata == turn["metadata"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("persona", {"name": "x"}),
        ("name", "n" * 257),
        ("tool_call_id", 7),
        ("transcription_confidence", "high"),
        ("audio_files", [7]),
        ("function_calls", [None]),
        ("feedback", "good"),
    ],
)
def test_what_does_not_fit_its_field_is_kept_in_metadata(name: str, value: Any) -> None:
    assert message(**{name: value}).metadata == {name: value}


def test_a_name_too_long_is_cut_and_kept() -> None:
    found = session(name="n" * 201)

    assert (found.session_name, found.context) == ("n" * 200, {"original_session_name": "n" * 201})


@pytest.mark.parametrize("tags", [["a", "b" * 65], ["a", 7], [str(n) for n in range(17)], "a"])
def test_tags_that_do_not_fit_are_kept(tags: Any) -> None:
    found = session(tags=tags)

    assert set(found.tags) <= set(tags)
    assert found.context == {"original_tags": tags}


@pytest.mark.parametrize("channel", ["Big Channel", 7, ""])
def test_a_channel_that_breaks_the_grammar_is_kept(channel: Any) -> None:
    found = session(channel=channel)

    assert (found.channel, found.context) == ("default", {"original_channel": channel})


def test_a_context_too_large_for_a_list_goes_on_in_the_first_message() -> None:
    context = {"small": 1, "large": "x" * 9000, "larger": "y" * 20_000}

    found = prepared({"content": "said"}, context=context)

    assert found.session is not None
    assert stored_bytes(found.session.context) <= MAX_CONTEXT_BYTES
    assert found.session.context["moved_to_first_message"] == ["larger", "large"]
    kept = found.session.context | found.messages[0].metadata["session_context"]
    assert {name: kept[name] for name in context} == context


def test_a_context_too_large_without_any_message_is_set_aside() -> None:
    found = prepared(context={"large": "x" * 9000})

    assert (found.session, len(found.rejected.records)) == (None, 1)


def test_a_first_message_that_has_no_room_for_the_context_is_set_aside_with_all() -> None:
    found = prepared({"content": "x" * (1280 * 1024 - 1000)}, {"content": "y"}, context={"large": "x" * 9000})

    assert (found.session, found.rejected.messages) == (None, 2)


# What cannot be stored


UNSTORABLE = {
    "lone surrogate": {"content": "\ud800"},
    "surrogate in a key": {"content": "x", "metadata": {"\udfff": 1}},
    "large integer": {"content": "x", "metadata": {"n": 2**53 + 1}},
    "infinity": {"content": "x", "metadata": {"n": float("inf")}},
    "too large": {"content": "x" * (1280 * 1024)},
    "too deep": {"content": "x", "metadata": {"n": json.loads("[" * 31 + "]" * 31)}},
}


@pytest.mark.parametrize("turn", UNSTORABLE.values(), ids=UNSTORABLE)
def test_a_message_that_cannot_be_kept_as_it_is_is_set_aside_alone(turn: dict[str, Any]) -> None:
    found = prepared({"content": "good"}, turn)

    assert [each.content for each in found.messages] == ["good"]
    assert [record.number for record in found.rejected.records] == [2]


def test_a_session_whose_own_record_cannot_be_kept_is_set_aside_whole() -> None:
    found = prepared({"content": "good"}, context={"n": 2**60})

    assert found.session is None
    assert (found.rejected.messages, len(found.rejected.records)) == (1, 2)
