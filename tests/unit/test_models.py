"""The domain's rules where HTTP tests do not reach cheaply."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from shared.models import (
    FINGERPRINT,
    MESSAGE_ID,
    SESSION_ID,
    MessageInput,
    NewMessage,
    SessionChanges,
    SessionInput,
    SessionKey,
    SessionStats,
    format_time,
    stored_bytes,
    stored_json,
)

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
ROLES = dict.fromkeys(("user", "assistant", "system", "developer", "tool"), 0)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=10,
)


def a_message(**fields: object) -> NewMessage:
    return NewMessage.model_validate({"id": "m1", "role": "user", "content": "Hello", "created_at": NOON, **fields})


def stats(first: datetime | None, last: datetime | None) -> SessionStats:
    return SessionStats(message_count=0, by_role=ROLES, first_message_at=first, last_message_at=last, is_active=True)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOON, "2026-01-02T12:00:00.000000Z"),
        (NOON + timedelta(microseconds=1), "2026-01-02T12:00:00.000001Z"),
        (datetime(2026, 1, 2, 13, 30, tzinfo=timezone(timedelta(hours=1, minutes=30))), "2026-01-02T12:00:00.000000Z"),
    ],
)
def test_a_time_is_written_in_utc_with_six_fractional_digits(moment: datetime, text: str) -> None:
    assert format_time(moment) == text


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_written_times_sort_as_the_moments_do(one: datetime, other: datetime) -> None:
    assert (format_time(one) < format_time(other)) == (one < other)


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001 - its bounds
def test_a_written_time_is_read_back_exactly(moment: datetime) -> None:
    key = SessionKey(last_activity_at=moment, id="a")

    assert SessionKey.model_validate_json(key.model_dump_json()) == key


@given(JSON)
def test_the_size_of_a_value_is_that_of_its_stored_text(value: object) -> None:
    assert stored_bytes(value) == len(stored_json(value).encode())


def test_stored_json_is_compact_and_leaves_text_as_it_is() -> None:
    assert stored_json({"a": [1, "ü😀"], "b": None}) == '{"a":[1,"ü😀"],"b":null}'


@pytest.mark.parametrize("pattern", [SESSION_ID, MESSAGE_ID])
@pytest.mark.parametrize("text", ["", "-a", ".a", "_a", ":a", "a\n", "a/b", "ä", "\u0661", "x" * 65])
def test_no_grammar_of_ids_takes_these(pattern: re.Pattern[str], text: str) -> None:
    assert pattern.fullmatch(text) is None


def test_only_message_ids_may_have_a_colon() -> None:
    assert MESSAGE_ID.fullmatch("a:b")
    assert not SESSION_ID.fullmatch("a:b")


@pytest.mark.parametrize("model", [SessionInput, MessageInput, SessionChanges])
@pytest.mark.parametrize("field", ["user_id", "seq", "created_at", "etag", "x"])
@pytest.mark.parametrize("value", ["x", None])
def test_an_unknown_field_is_refused_null_or_not(model: type[BaseModel], field: str, value: object) -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        model.model_validate(
            {"role": "user", "content": "x", field: value} if model is MessageInput else {field: value}
        )


def test_a_change_knows_what_was_given() -> None:
    changes = SessionChanges.model_validate({"tags": [], "session_name": None, "pinned": None})

    assert changes.given() == {"session_name": None, "tags": []}


def test_no_two_inputs_share_what_they_default_to() -> None:
    first, second = SessionInput(), SessionInput()
    first.tags.append("a")
    first.context["a"] = 1

    assert (second.tags, second.context, SessionInput().tags) == ([], {}, [])


@pytest.mark.parametrize(
    ("fields", "same"),
    [
        ({}, True),
        ({"created_at": NOON + timedelta(hours=1)}, True),
        ({"metadata": {"a": 1}, "persona": "p", "audio_files": ["a"], "transcription_confidence": 0.5}, True),
        ({"role": "assistant"}, False),
        ({"content": "hello"}, False),
        ({"content": [{"type": "text", "text": "Hello"}]}, False),
        ({"name": "Ann"}, False),
        ({"name": ""}, False),
        ({"function_calls": ["f"]}, False),
        ({"tool_call_id": "c"}, False),
    ],
)
def test_a_message_says_the_same_by_what_is_compared(fields: dict[str, object], same: bool) -> None:
    assert a_message().says_the_same(a_message(**fields)) is same
    assert a_message(**fields).says_the_same(a_message()) is same


def test_what_is_compared_is_what_the_contract_names() -> None:
    assert set(FINGERPRINT) == {"role", "content", "name", "function_calls", "tool_call_id"}


@pytest.mark.parametrize(
    ("first", "last", "seconds"),
    [
        (None, None, 0),
        (NOON, NOON, 0),
        (NOON, NOON + timedelta(seconds=90, microseconds=5), 90.000005),
        (NOON, NOON - timedelta(seconds=1), 0),
    ],
)
def test_the_duration_runs_from_the_first_message_to_the_last(
    first: datetime | None, last: datetime | None, seconds: float
) -> None:
    assert stats(first, last).duration_seconds == seconds
