"""The trusted owner: named once or agreed upon, never guessed."""

import pytest

from shared.identity import OwnerError, trusted_owner


@pytest.mark.parametrize("named", [["ann"], [None, "ann", ""], ["ann", "ann", "ann"]])
def test_one_name_is_the_owner_however_often_it_is_said(named: list[object]) -> None:
    assert trusted_owner(named) == "ann"


@pytest.mark.parametrize("named", [[], [None], ["", None, ""]])
def test_no_name_is_an_error(named: list[object]) -> None:
    with pytest.raises(OwnerError, match="Say whose"):
        trusted_owner(named)


@pytest.mark.parametrize(
    "named", [["ann", "ben"], ["ann", "Ann"], ["ann", "ann "], ["é", "e\u0301"], ["1", 1], ["ann", []]]
)
def test_names_that_differ_in_anything_are_an_error(named: list[object]) -> None:
    with pytest.raises(OwnerError, match="different"):
        trusted_owner(named)


@pytest.mark.parametrize("character", ["/", "\\", "?", "#", "\0", "\t", "\n", "\r", "\x1f", "\x7f", "\x80", "\x9f"])
def test_a_name_with_a_character_that_a_store_or_url_would_stumble_over_is_an_error(character: str) -> None:
    for name in (f"a{character}b", f"ann{character}", character):
        with pytest.raises(OwnerError, match="characters"):
            trusted_owner([name])


@pytest.mark.parametrize(
    "name", ["a", "x" * 128, "😀" * 128, " ", "\xa0", "a b", "a,b", "a@b.c", "..", "%2F", "\u202e"]
)
def test_any_other_name_is_an_owner(name: str) -> None:
    assert trusted_owner([name]) == name


@pytest.mark.parametrize("name", ["x" * 129, 5, 0, True, False, 1.5, ["ann"], {"a": 1}, [], {}, b"ann"])
def test_what_is_no_name_is_an_error(name: object) -> None:
    with pytest.raises(OwnerError):
        trusted_owner([name])


def test_the_error_does_not_repeat_the_names() -> None:
    with pytest.raises(OwnerError) as caught:
        trusted_owner(["secret-one", "secret-two"])

    assert "secret" not in str(caught.value)
