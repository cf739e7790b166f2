"""How messages look at rest, the same in both stores, and the rules both stores reckon by."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from shared.models import KEEP, JsonObject, Message, NewMessage, Status, stored_bytes

PAGE_BYTES = 4 * 1024 * 1024  # of messages in one answer: as much as one Cosmos response page holds
SCAN_MESSAGES = 2_000  # looked at by one call with a role filter before it hands back a cursor


def message_from(document: JsonObject, seq: int, user_id: str) -> Message:
    """Return the message that a stored document holds at a place of a user's session."""
    return Message(**document, seq=seq, user_id=user_id)


def documents_bytes(documents: Iterable[JsonObject]) -> int:
    """Size of message documents as stored JSON, the commas between them included."""
    return sum(stored_bytes(document) + 1 for document in documents)


def counts_of(documents: Iterable[JsonObject]) -> JsonObject:
    """Count what statistics tell of messages: their bytes as stored JSON, how many a day (UTC), thumbs up and down."""
    known = list(documents)
    ratings = Counter(document["feedback"]["rating"] for document in known if document.get("feedback"))
    return {
        "bytes": sum(map(stored_bytes, known)),
        "days": dict(Counter(document["created_at"][:10] for document in known)),
        "up": ratings["up"],
        "down": ratings["down"],
    }


def conflicting_ids(sent: Sequence[NewMessage], stored: dict[str, NewMessage]) -> list[str]:
    """Return the ids for which `stored` speaks against repeating `sent`; empty when all is there and the same."""
    known = [message for message in sent if message.id in stored]
    differing = [message.id for message in known if not message.says_the_same(stored[message.id])]
    if differing or len(known) == len(sent):
        return differing
    return [message.id for message in known]


def applied_ttl(ttl_seconds: int, archive_ttl_seconds: int, *, pinned: bool, status: Status) -> int:
    """Return the time to live that counts now: a pin keeps, an archived session lives by the longer of the two."""
    if pinned or ttl_seconds == KEEP:
        return KEEP
    if status == "active":
        return ttl_seconds
    return KEEP if archive_ttl_seconds == KEEP else max(ttl_seconds, archive_ttl_seconds)


def expiry(last_write: datetime, ttl: int) -> datetime | None:
    """Return when something written then is gone; None when it is kept."""
    return None if ttl == KEEP else last_write + timedelta(seconds=ttl)
