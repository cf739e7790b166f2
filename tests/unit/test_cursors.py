"""Cursors: what goes in comes out for the same binding, and for nothing else."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from shared.http.cursors import decode_cursor, encode_cursor
from shared.http.problems import BadRequestError

BINDING = ("ann", "messages", "a-session")


class Place(BaseModel):
    seq: int = Field(ge=0)
    until: int | None = None


class Elsewhere(BaseModel):
    name: str


@given(st.builds(Place, seq=st.integers(0, 2**53), until=st.none() | st.integers(0, 2**53)), st.text())
def test_a_cursor_leads_back_to_its_place(place: Place, owner: str) -> None:
    cursor = encode_cursor(place, owner.encode("utf-8", "replace").decode(), "list")

    assert decode_cursor(cursor, Place, owner.encode("utf-8", "replace").decode(), "list") == place


@given(st.integers(0, 2**53))
def test_a_cursor_needs_no_escaping_in_a_url(seq: int) -> None:
    cursor = encode_cursor(Place(seq=seq), *BINDING)

    assert cursor.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "other",
    [
        ("ben", "messages", "a-session"),
        ("ann", "sessions", "a-session"),
        ("ann", "messages", "another"),
        ("ann", "messages"),
        ("ann", "messages", "a-session", None),
        ("annm", "essages", "a-session"),
        (),
    ],
)
def test_a_cursor_does_not_fit_another_binding(other: tuple[object, ...]) -> None:
    cursor = encode_cursor(Place(seq=1), *BINDING)

    with pytest.raises(BadRequestError):
        decode_cursor(cursor, Place, *other)


@given(st.text())
def test_no_other_text_is_a_cursor(text: str) -> None:
    with pytest.raises(BadRequestError):
        decode_cursor(text, Place, *BINDING)


@given(st.binary())
def test_no_other_bytes_are_a_cursor(raw: bytes) -> None:
    with pytest.raises(BadRequestError):
        decode_cursor(urlsafe_b64encode(raw).decode(), Place, *BINDING)


@given(st.data())
def test_a_cursor_with_one_character_changed_is_broken(data: st.DataObject) -> None:
    cursor = encode_cursor(Place(seq=7, until=9), *BINDING)
    position = data.draw(st.integers(0, len(cursor) - 1))
    character = data.draw(st.characters(codec="ascii").filter(lambda drawn: drawn != cursor[position]))

    with pytest.raises(BadRequestError):
        decode_cursor(cursor[:position] + character + cursor[position + 1 :], Place, *BINDING)


@pytest.mark.parametrize("kept", range(-12, 0))
def test_a_truncated_cursor_is_broken(kept: int) -> None:
    cursor = encode_cursor(Place(seq=7), *BINDING)

    with pytest.raises(BadRequestError):
        decode_cursor(cursor[:kept], Place, *BINDING)


def test_a_place_of_another_sort_is_refused() -> None:
    cursor = encode_cursor(Elsewhere(name="x"), *BINDING)

    with pytest.raises(BadRequestError):
        decode_cursor(cursor, Place, *BINDING)


def test_a_forged_place_beyond_the_bounds_is_refused() -> None:
    cursor = encode_cursor(Place.model_construct(seq=-1), *BINDING)

    with pytest.raises(BadRequestError):
        decode_cursor(cursor, Place, *BINDING)
