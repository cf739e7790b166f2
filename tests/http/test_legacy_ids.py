"""Session ids that only the earlier systems allowed: the same here as in an import."""

import pytest

from shared.legacy_ids import session_id_beside, session_id_for
from shared.models import SESSION_ID

AWKWARD = ["user 7", "a/b", "ü", "😀", "", "-a", "x" * 65, "a\x00b", 'quo"te', "\ud800"]


@pytest.mark.parametrize("original", ["abc123", "session_12345_20240101_120000", "x" * 64, "a.b-c_d"])
def test_an_id_that_parley_allows_stays_as_it_is(original: str) -> None:
    assert session_id_for(original) == original


@pytest.mark.parametrize("original", AWKWARD)
def test_any_other_becomes_one_that_parley_allows_and_stays_that(original: str) -> None:
    derived = session_id_for(original)

    assert SESSION_ID.fullmatch(derived)
    assert derived.startswith("x-")
    assert session_id_for(derived) == derived


def test_two_ids_stay_two() -> None:
    assert len({session_id_for(original) for original in AWKWARD}) == len(AWKWARD)


@pytest.mark.parametrize(
    ("original", "derived"),
    [("user 7/chat", "x-463d754f85f37fe03581aff490410e60"), ("ü", "x-85844d48df3c61d9f9acb492bf6c23a6")],
)
def test_a_derived_id_never_changes_because_imported_sessions_have_it(original: str, derived: str) -> None:
    assert session_id_for(original) == derived


@pytest.mark.parametrize("original", [*AWKWARD, "abc123", "x" * 60])
def test_a_second_channel_has_an_id_beside_the_first(original: str) -> None:
    beside = session_id_beside(original, "scene-writer")

    assert SESSION_ID.fullmatch(beside)
    assert beside != session_id_for(original)
    assert beside == session_id_beside(session_id_for(original), "scene-writer")


def test_the_id_beside_is_told_by_its_channel() -> None:
    assert session_id_beside("abc123", "scene-writer") == "abc123.scene-writer"
