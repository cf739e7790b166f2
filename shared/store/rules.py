"""What both stores decide alike: lives, statuses, counts, repeats, links, and how messages look at rest."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypedDict

from shared.errors import LeaseLostError, ShareNotFoundError, TooManySharesError, TurnInProgressError
from shared.models import KEEP, MAX_SHARES, JsonObject, Lease, Message, NewMessage, Share, Status, stored_bytes
from shared.models.exact import as_sent

PAGE_BYTES = 4 * 1024 * 1024  # of messages in one answer: as much as one Cosmos response page holds
MAX_TURN_WAIT_SECONDS = 5  # before a turn that has to wait for another is sent again; most are over by then
SCAN_MESSAGES = 2_000  # looked at by one call with a role filter before it hands back a cursor


def message_from(document: JsonObject, seq: int, user_id: str) -> Message:
    """Return the message that a stored document holds at a place of a user's session."""
    return Message(**as_sent(document), seq=seq, user_id=user_id)


def documents_bytes(documents: Iterable[JsonObject]) -> int:
    """Size of message documents as stored JSON, the commas between them included."""
    return sum(stored_bytes(document) + 1 for document in documents)


class MessageCounts(TypedDict):
    """What statistics need to know of some messages: their bytes, how many a day (UTC), thumbs up and down."""

    bytes: int
    days: dict[str, int]
    up: int
    down: int


def counts_of(documents: Iterable[JsonObject]) -> MessageCounts:
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


def ends_with(sent: Sequence[NewMessage], newest: Sequence[NewMessage]) -> bool:
    """Return whether a session whose newest messages are those, oldest first, ends with exactly what is sent."""
    return len(sent) == len(newest) and all(
        message.id == stored.id and message.says_the_same(stored) for message, stored in zip(sent, newest, strict=True)
    )


def require_free(found: Lease | None, wanted: Lease, now: float) -> None:
    """Raise TurnInProgressError while somebody else holds the lease that is wanted."""
    if found and found.holder != wanted.holder and not found.is_over(now):
        raise TurnInProgressError(found.reply_id, max(1, min(found.until - int(now), MAX_TURN_WAIT_SECONDS)))


def require_held(found: Lease | None, holder: str) -> None:
    """Raise LeaseLostError unless that holder has the lease still; an old one that nobody else took counts."""
    if found is None or found.holder != holder:
        raise LeaseLostError


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


def first_activity(created_at: str, last_message_at: str | None) -> str:
    """Return a new session's last activity: its creation, or the last of its first messages if that is later."""
    return max(created_at, last_message_at or created_at)


def status_change(*, was_active: bool, is_active: bool | None, now: str) -> dict[str, str | None]:
    """Return the fields that archiving or restoring changes; none where it is so already, or nothing was asked."""
    if is_active in {None, was_active}:
        return {}
    if not is_active:
        return {"status": "archived", "archived_at": now}
    return {"status": "active", "archived_at": None, "last_activity_at": now}


def last_kept_seq(after_seq: int, first_seq: int) -> int:
    """Return the newest seq that a rewind keeps; it never goes back before the one of the first kept message."""
    return max(after_seq, first_seq - 1)


def counts_after_rewind(first_seq: int, last_seq: int) -> dict[str, int]:
    """Return the counters of a session whose kept messages are those two and what is between them."""
    return {"last_seq": last_seq, "message_count": last_seq - first_seq + 1}


def working_shares(shares: Iterable[Share], now: datetime) -> list[Share]:
    """Return the links that have not expired, oldest first."""
    return sorted((share for share in shares if not share.is_over(now)), key=lambda share: (share.created_at, share.id))


def with_share(shares: Iterable[Share], share: Share, now: datetime) -> list[Share]:
    """Return the links to keep once `share` is one of them; raises TooManySharesError."""
    working = working_shares(shares, now)
    if len(working) >= MAX_SHARES:
        raise TooManySharesError
    return [*working, share]


def without_share(shares: Iterable[Share], share_id: str, now: datetime) -> list[Share]:
    """Return the links to keep once the one by that id is revoked; raises ShareNotFoundError."""
    working = working_shares(shares, now)
    kept = [share for share in working if share.id != share_id]
    if len(kept) == len(working):
        raise ShareNotFoundError
    return kept
