"""Folding texts, and snippets of them: positions that hold whatever a text is made of."""

import re
from unicodedata import category

from hypothesis import assume, given
from hypothesis import strategies as st

from shared.text import NO_MARKS, STEP_CHARACTERS, fold, occurs, snippet

ODD = st.sampled_from(
    "aAßẞﬁİ\u0131ςΣéÉ한국 \u00a0\n\u0301\u0323\u0308\u0345\u1100\u1161\u11a8\u093c\u0958\u09c7\u09be\u212bH\u0331ŉ"
)
texts = st.text(st.one_of(ODD, st.characters(codec="utf-8")), max_size=40)


@given(texts)
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(texts, st.integers(0, 40), st.integers(1, 10), st.booleans())
def test_a_snippet_shows_the_text_and_what_it_marks_is_what_was_sought(
    text: str, place: int, length: int, far: bool
) -> None:
    text = ("ß\u0301한 \u0323" * STEP_CHARACTERS + "\u0f73\u0323" * 40 if far else "") + text
    sought = fold(text)[-1 - place :][:length]
    assume(sought)

    parts = snippet(sought, text)

    assert "".join(part.text for part in parts) in text
    marked = [part.text for part in parts if part.hit]
    assert marked
    assert all(occurs(sought, part) for part in marked)


def test_a_letter_under_a_pile_of_marks_is_folded_at_once_and_found() -> None:
    pile = "x" + "\u0301\u0323" * 100 + " behind"

    assert fold(pile) == fold("x" + "\u0301\u0323" * 15 + " behind")
    assert [part.text for part in snippet("BEHIND", pile) if part.hit] == ["behind"]


def test_what_is_not_looked_at_for_piles_holds_no_marks() -> None:
    unmarked = re.compile(f"[{NO_MARKS}]")

    assert [code for code in range(0x10000) if category(chr(code))[0] == "M" and unmarked.match(chr(code))] == []


def test_two_hits_in_one_character_are_one() -> None:
    assert [(part.text, part.hit) for part in snippet("s", "aßb")] == [("a", False), ("ß", True), ("b", False)]


def test_a_text_without_the_sought_has_no_snippet() -> None:
    assert snippet("x", "é" * 1000) == []
