"""The settings of how long sessions live and when they are archived."""

from pathlib import Path

import pytest

from shared.settings import Settings, SettingsError, load_settings

LONGEST = 2_147_483_647


def load(tmp_path: Path, **values: str) -> Settings:
    return load_settings(values, tmp_path)


def problems(tmp_path: Path, **values: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        load(tmp_path, **values)
    return refused.value.problems


def test_who_sets_nothing_gets_the_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path)

    assert (settings.session_ttl_seconds, settings.channel_ttl_seconds) == (7_776_000, {})
    assert settings.archive_schedule == "0 0 * * * *"
    assert (settings.archive_after_seconds, settings.archive_ttl_seconds) == (2_592_000, 31_536_000)


@pytest.mark.parametrize("name", ["SESSION_TTL_SECONDS", "ARCHIVE_TTL_SECONDS"])
@pytest.mark.parametrize("value", [-1, 1, 86_400, LONGEST])
def test_a_ttl_is_minus_one_or_seconds(tmp_path: Path, name: str, value: int) -> None:
    assert getattr(load(tmp_path, **{name: str(value)}), name.lower()) == value


@pytest.mark.parametrize("name", ["SESSION_TTL_SECONDS", "ARCHIVE_TTL_SECONDS"])
@pytest.mark.parametrize("value", ["0", "-2", str(LONGEST + 1), "1.5", "1e3", "soon", "٣", "1 2", "0x10", "--1"])
def test_any_other_ttl_is_refused_by_name(tmp_path: Path, name: str, value: str) -> None:
    (problem,) = problems(tmp_path, **{name: value})

    assert name in problem
    assert repr(value) in problem


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("ARCHIVE_AFTER_SECONDS", 1, LONGEST),
        ("ARCHIVE_BATCH_SIZE", 1, 1000),
        ("ARCHIVE_CONCURRENCY", 1, 64),
        ("ARCHIVE_BUDGET_SECONDS", 1, 280),
    ],
)
def test_a_number_may_reach_its_bounds_and_not_pass_them(tmp_path: Path, name: str, least: int, most: int) -> None:
    for value in (least, most):
        assert getattr(load(tmp_path, **{name: str(value)}), name.lower()) == value
    for value in (least - 1, most + 1, "", "many"):
        if value != "":
            assert name in problems(tmp_path, **{name: str(value)})[0]


@pytest.mark.parametrize(
    "name", ["ARCHIVE_AFTER_SECONDS", "ARCHIVE_TTL_SECONDS", "ARCHIVE_SCHEDULE", "CHANNEL_TTL_SECONDS"]
)
@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_value_counts_as_missing(tmp_path: Path, name: str, value: str) -> None:
    assert load(tmp_path, **{name: value}) == load(tmp_path)


@pytest.mark.parametrize(
    "value",
    [
        "0 0 * * * *",
        "0 0 0 29 FEB sunday",
        "*/5 * * * * *",
        "0 30 9 * * 1-5",
        "0  0 2 1,15 JAN-MAR MON",
        "0 0/15 8-18 * * *",
    ],
)
def test_a_schedule_of_six_fields_is_taken_as_it_is(tmp_path: Path, value: str) -> None:
    assert load(tmp_path, ARCHIVE_SCHEDULE=value).archive_schedule == value


@pytest.mark.parametrize(
    "value",
    [
        "hourly",
        "0 * * * *",
        "0 0 * * * * *",
        "01:00:00",
        "%ARCHIVE_SCHEDULE%",
        "0 0 * * * ?",
        "0 0 25 * * *",
        "0 0 22-2 * * *",
    ],
)
def test_any_other_schedule_is_refused_by_name(tmp_path: Path, value: str) -> None:
    (problem,) = problems(tmp_path, ARCHIVE_SCHEDULE=value)

    assert "ARCHIVE_SCHEDULE" in problem


def test_each_channel_may_have_a_ttl_of_its_own(tmp_path: Path) -> None:
    settings = load(tmp_path, CHANNEL_TTL_SECONDS='{"scriptwriter": 86400, "scene-writer": 1, "notes": -1}')

    assert settings.channel_ttl_seconds == {"scriptwriter": 86_400, "scene-writer": 1, "notes": -1}


@pytest.mark.parametrize(
    "value",
    [
        "86400",
        "[]",
        "null",
        '"a"',
        "{",
        "{'a': 1}",
        '{"a": 0}',
        '{"a": -2}',
        '{"a": 2147483648}',
        '{"a": 1.5}',
        '{"a": "1"}',
        '{"a": true}',
        '{"a": null}',
        '{"A": 1}',
        '{"": 1}',
        '{"a b": 1}',
        '{"a": NaN}',
    ],
)
def test_any_other_value_for_the_channels_is_refused_by_name(tmp_path: Path, value: str) -> None:
    (problem,) = problems(tmp_path, CHANNEL_TTL_SECONDS=value)

    assert "CHANNEL_TTL_SECONDS" in problem


def test_everything_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    wrong = {
        "CHANNEL_TTL_SECONDS": "x",
        "SESSION_TTL_SECONDS": "0",
        "ARCHIVE_TTL_SECONDS": "0",
        "ARCHIVE_AFTER_SECONDS": "0",
        "ARCHIVE_SCHEDULE": "x",
        "ARCHIVE_BATCH_SIZE": "0",
        "ARCHIVE_CONCURRENCY": "0",
        "ARCHIVE_BUDGET_SECONDS": "0",
    }

    named = problems(tmp_path, **wrong)

    assert sorted(problem.split()[0] for problem in named) == sorted(wrong)


def test_values_of_local_settings_count_where_the_environment_is_silent(tmp_path: Path) -> None:
    values = (
        '{"Values": {"ARCHIVE_AFTER_SECONDS": "5", "CHANNEL_TTL_SECONDS": "{\\"a\\": 1}", "ARCHIVE_TTL_SECONDS": 7}}'
    )
    (tmp_path / "local.settings.json").write_text(values)

    settings = load(tmp_path, ARCHIVE_AFTER_SECONDS="6")

    assert (settings.archive_after_seconds, settings.archive_ttl_seconds) == (6, 7)
    assert settings.channel_ttl_seconds == {"a": 1}
