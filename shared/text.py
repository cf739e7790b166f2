"""What a message says as plain text, where something occurs in it, and a piece of it to show."""

from collections.abc import Iterator, Sequence

from shared.models import JsonObject, SnippetPart

AROUND_CHARACTERS = 60  # shown on each side of the first hit


def spoken(content: str | list[JsonObject]) -> str:
    """Return the text of a message's content; of parts, what they hold as `text`, a line each."""
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content if isinstance(part.get("text"), str))


def occurs(needle: str, text: str) -> bool:
    """Tell whether a text holds another, whatever the case of either, as Unicode folds it."""
    return needle.casefold() in text.casefold()


def snippet(needle: str, text: str) -> list[SnippetPart]:
    """Return the surroundings of the first occurrence, cut into what was sought (`hit`) and what was not."""
    hits = list(_hits(needle.casefold(), text))
    if not hits:
        return []
    begin = max(0, hits[0][0] - AROUND_CHARACTERS)
    end = min(len(text), hits[0][1] + AROUND_CHARACTERS)
    parts: list[SnippetPart] = []
    for start, stop in hits:
        if stop > end:
            break
        parts += _part(text[begin:start], hit=False) + _part(text[start:stop], hit=True)
        begin = stop
    return parts + _part(text[begin:end], hit=False)


def _part(text: str, *, hit: bool) -> list[SnippetPart]:
    return [SnippetPart(text=text, hit=hit)] if text else []


def _hits(folded_needle: str, text: str) -> Iterator[tuple[int, int]]:
    """Yield where the needle stands in the text."""
    folded = text.casefold()
    places: Sequence[int] = range(len(text))
    if len(folded) > len(text):  # some characters fold to several
        places = [place for place, character in enumerate(text) for _ in character.casefold()]
    found = folded.find(folded_needle)
    while found >= 0:
        last = found + len(folded_needle) - 1
        yield places[found], places[last] + 1
        found = folded.find(folded_needle, last + 1)
