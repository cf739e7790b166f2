"""Sessions of the earlier systems: what their ids are here, and which channels there were; for importers and routes."""

import hashlib
import json

from shared.models import SESSION_ID

CHANNELS = ("scriptwriter", "scene-writer")
DAY_SECONDS = 86_400  # how long a channel's chat is kept after its last message, whatever the settings say
HASH_CHARACTERS = 32  # of SHA-256 in hexadecimal: 128 bits, and room for `.<channel>` behind them


def session_id_for(original: str) -> str:
    """Return the id under which Parley keeps the session that an earlier system called this.

    The same id where Parley's grammar allows it, else `x-` and a hash of it as JSON, always the same.
    """
    if SESSION_ID.fullmatch(original):
        return original
    return f"x-{hashlib.sha256(json.dumps(original).encode()).hexdigest()[:HASH_CHARACTERS]}"


def session_id_beside(original: str, channel: str) -> str:
    """Return the id of a channel's session where another channel of the same owner has that id already."""
    return session_id_for(f"{session_id_for(original)}.{channel}")
