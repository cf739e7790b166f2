"""JSON that comes back exactly as it was sent, also from a store that writes it anew: 1.0 as 1, the key "10" first.

RFC 8259 allows a store both. What it could change is kept as text; everything else stays as it is, and as small.
"""

import json
import re

from shared.models.values import JsonObject, stored_json

CONFIDENCE = "transcription_confidence"  # a float whatever a store makes of 1.0, but for the sign of zero
FIELDS = ("content", "audio_files", "function_calls", "metadata")  # of a message: what may hold JSON of any shape
AS_TEXT = "as_text"  # the field that holds those kept as text, by their names
DIGITS = re.compile(r"[0-9]+")


def could_change(value: object) -> bool:
    """Return whether a store might write a value in another way: whole numbers with a point, keys of digits."""
    if isinstance(value, float):
        return value.is_integer()
    if isinstance(value, list):
        return any(could_change(item) for item in value)
    if isinstance(value, dict):
        return any(DIGITS.fullmatch(name) or could_change(item) for name, item in value.items())
    return False


def as_stored(document: JsonObject) -> JsonObject:
    """Return a message's document with what a store might change as text, in `as_text`."""
    texts = {name: stored_json(document[name]) for name in FIELDS if could_change(document.get(name))}
    if str(document.get(CONFIDENCE)) == "-0.0":
        texts[CONFIDENCE] = "-0.0"
    if not texts:
        return document
    return {name: value for name, value in document.items() if name not in texts} | {AS_TEXT: texts}


def as_sent(document: JsonObject) -> JsonObject:
    """Return a message's document with everything in its own field again."""
    if AS_TEXT not in document:
        return document
    texts = document[AS_TEXT]
    kept = {name: value for name, value in document.items() if name != AS_TEXT}
    return kept | {name: json.loads(text) for name, text in texts.items()}


def context_as_stored(context: JsonObject) -> JsonObject | str:
    """Return a session's context for a store that might change it: as text where it could."""
    return stored_json(context) if could_change(context) else context


def context_as_sent(context: JsonObject | str) -> JsonObject:
    """Return the context that was kept so."""
    found: JsonObject = json.loads(context) if isinstance(context, str) else context
    return found
