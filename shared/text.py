"""What a message says as plain text, where something occurs in it, and a piece of it to show."""

import re
from collections.abc import Iterator, Sequence
from unicodedata import category, normalize

from shared.models import JsonObject, SnippetPart
from shared.parts import texts_of, texts_of_call

AROUND_CHARACTERS = 60  # shown on each side of the first hit
STEP_CHARACTERS = 256  # folded at once on the way to the first hit
MOST_MARKS = 30  # more than any script needs; unicode.org/reports/tr15, stream-safe text
# Patterns, which `re` compiles at their first use: no cold start that does not search waits for them.
PILE = rf"(?:M.){{{MOST_MARKS + 1},}}"
NO_MARKS = r"\x00-\u02ff\u0370-\u0482\u048a-\u0590\u3040-\u3098\u30a0-\ua66e\uac00-\ud7af"  # what most is written in
PERHAPS_A_PILE = rf"[^{NO_MARKS}]{{{MOST_MARKS + 1}}}"
OTHER_SPACE = r"[^\S ]"
JOINING = "[\u1160-\u11ff\U00016d63-\U00016d6a]"  # no marks, but composed: of Hangul and of Kirat Rai


def plain_text(content: str | list[JsonObject], function_calls: Sequence[str | JsonObject]) -> str:
    """Return what a message says, a line each: its text or what its parts hold of it, and its calls of tools.

    Whoever changes it, or what `shared/parts.py` finds, has to index what is stored anew.
    """
    said = [content] if isinstance(content, str) else [text for part in content for text in texts_of(part)]
    return "\n".join([*said, *(text for call in function_calls for text in texts_of_call(call))])


def fold(text: str) -> str:
    """Return what two texts have in common that differ only in case, in how accents are encoded, or in white space.

    That is Unicode's canonical equivalence (NFC and NFD are one), its full case folding (ß is ss), and every white
    space character is a space; compatibility forms, such as full-width letters, stay apart. Every search and every
    stored folded text goes by this rule, in both stores: whoever changes it has to fold what is stored anew.
    """
    folded = text.lower() if text.isascii() else normalize("NFC", normalize("NFD", _without_piles(text)).casefold())
    return re.sub(OTHER_SPACE, " ", folded)


def _without_piles(text: str) -> str:
    """Return a text with at most MOST_MARKS on one letter: putting more of them in order takes their number squared."""
    if not re.search(PERHAPS_A_PILE, text):
        return text
    categories = "".join(map(category, text))  # two letters each
    kept: list[str] = []
    begin = 0
    for pile in re.finditer(PILE, categories):
        kept.append(text[begin : pile.start() // 2 + MOST_MARKS])
        begin = pile.end() // 2
    return "".join([*kept, text[begin:]])


def occurs(needle: str, text: str) -> bool:
    """Return whether a text holds another, as `fold` compares them."""
    return fold(needle) in fold(text)


def snippet(needle: str, text: str) -> list[SnippetPart]:
    """Return the surroundings of the first occurrence, cut into what was sought (`hit`) and what was not."""
    parts: list[SnippetPart] = []
    begin = end = -1
    for start, stop in _hits(fold(needle), text):
        if end < 0:
            begin, end = max(0, start - AROUND_CHARACTERS), min(len(text), stop + AROUND_CHARACTERS)
        if stop > end:
            break
        if start >= begin:  # several hits can lie in one character: ß is ss
            parts += _part(text[begin:start], hit=False) + _part(text[start:stop], hit=True)
            begin = stop
    return parts + _part(text[begin:end], hit=False) if end >= 0 else []


def _part(text: str, *, hit: bool) -> list[SnippetPart]:
    return [SnippetPart(text=text, hit=hit)] if text else []


def _hits(needle: str, text: str) -> Iterator[tuple[int, int]]:
    """Yield where a folded text stands in another that is not."""
    folded = fold(text)
    found = folded.find(needle)
    if found < 0:
        return
    start, skipped = _near(found, text)
    pieces = _pieces(text, start, 1)
    places: list[tuple[int, int]] = []  # where in the text each folded character comes from, the skipped ones left out
    while found >= 0:
        last = found + len(needle) - 1
        while len(places) <= last - skipped:
            piece = next(pieces)
            places += [piece] * len(fold(text[slice(*piece)]))
        yield places[found - skipped][0], places[last - skipped][1]
        found = folded.find(needle, last + 1)


def _near(found: int, text: str) -> tuple[int, int]:
    """Return a place in the text before the folded character `found`, and how many folded ones come before it."""
    skipped = 0
    for start, stop in _pieces(text, 0, STEP_CHARACTERS):
        length = len(fold(text[start:stop]))
        if skipped + length > found:
            return start, skipped
        skipped += length
    raise AssertionError


def _pieces(text: str, start: int, least: int) -> Iterator[tuple[int, int]]:
    """Cut a text, from a place on, into pieces of at least that many characters that fold to the same as the whole."""
    while start < len(text):
        stop = start + least
        while stop < len(text) and _joins(text[stop]):
            stop += 1
        yield start, min(stop, len(text))
        start = stop


def _joins(character: str) -> bool:
    """Return whether a character may become one with what is before it."""
    return not character.isascii() and (category(character).startswith("M") or bool(re.match(JOINING, character)))
