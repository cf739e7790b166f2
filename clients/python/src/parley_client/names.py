"""Ids of earlier systems as Parley has them: the same rules as its importers', so that what was imported is found."""

import hashlib
import json
import re
from typing import Final

SESSION_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
USER_ID: Final = re.compile(r"[^/\\?#\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,128}")
HASH_CHARACTERS: Final = 32
NAME_CHARACTERS: Final = 200  # of a session's name


def session_id_for(original: str) -> str:
    """Return the id itself where Parley's grammar allows it, else `x-` and a hash of it, always the same."""
    if not isinstance(original, str):
        raise TypeError(f"A conversation's id is a str, not {type(original).__name__}: str(…)")
    if SESSION_ID.fullmatch(original):
        return original
    return f"x-{hashlib.sha256(json.dumps(original).encode()).hexdigest()[:HASH_CHARACTERS]}"


def user_id_for(original: str) -> str:
    """Return the owner's id itself where Parley allows it, else `h-` and its hash."""
    if USER_ID.fullmatch(original):
        return original
    return f"h-{hashlib.sha256(original.encode('utf-8', 'surrogatepass')).hexdigest()}"


def with_originals(context: dict[str, object], session_id: str, user_id: str) -> dict[str, object]:
    """Return a session's context with the ids that Parley could not take as they were."""
    kept = dict(context)
    if session_id_for(session_id) != session_id:
        kept["original_id"] = session_id
    if user_id_for(user_id) != user_id:
        kept["original_user_id"] = user_id
    return kept
