"""Messages about to be appended: what guards them, and whether they are stored already."""

from collections.abc import Sequence
from datetime import UTC, datetime

from shared.errors import LeaseLostError, TurnInProgressError
from shared.models import JsonObject, Lease, Message, NewMessage, Replied, ReplyUsage, format_time
from shared.store.cosmos.concurrency import AT_ONCE
from shared.store.cosmos.documents import MessageDocument
from shared.store.cosmos.guards import (
    Operation,
    all_of,
    appendable,
    duplicates_detectable,
    increment,
    lease_free,
    lease_held,
    matching,
    none_forgotten_since,
    not_in_recent_ids,
    set_fields,
)
from shared.store.cosmos.head import RECENT_IDS, Head, short_hash
from shared.store.cosmos.pages import read_pages
from shared.store.cosmos.partition import Partition
from shared.store.rules import documents_bytes, require_free, require_held

MESSAGES_PER_PATCH = 6  # with four operations for the counters that makes ten, the most a Patch may have
REPEAT_SECONDS = 60  # how long before a try of a request another one of it may have come


class Batch:
    """Messages about to be appended, as they are stored, with what every try of theirs needs."""

    def __init__(
        self,
        partition: Partition,
        session_id: str,
        messages: Sequence[NewMessage],
        if_match: str | None,
        *,
        turn: Lease | Replied | None = None,
    ) -> None:
        self._partition = partition
        self.turn = turn
        self.messages = messages
        self.if_match = if_match
        self.documents = [message.document() for message in messages]
        self.size = documents_bytes(self.documents)
        self._ids = [message.id for message in messages]
        self.received = partition.milliseconds
        self.searched: Head | None = None
        self._not_recent = not_in_recent_ids(short_hash(session_id, message_id) for message_id in self._ids)

    def guard(self) -> str:
        """Hold while the batch may be appended and none of it is there.

        That none of it is in pages follows from the time of the request, or from a search of the pages that count:
        then it is enough that nothing stored since has been forgotten, however many rotations there were.
        """
        judged = none_forgotten_since(self.searched) if self.searched else duplicates_detectable(self.received)
        cap = self._partition.limits.head_cap_bytes - self.size
        return all_of(appendable(self._ids, cap, self._partition.now), self._not_recent, judged, *self.conditions())

    @property
    def fits_counters(self) -> bool:
        """Whether a Patch that leaves the rest of the log alone has room for what is counted beside the messages."""
        return self.turn is None or len(self.documents) + len(turn_operations(self.turn)) <= MESSAGES_PER_PATCH

    def conditions(self) -> list[str]:
        """Hold while the session has the version and the lease that the caller wants it to have."""
        return [*matching(self.if_match), *turn_conditions(self.turn, self._partition.now)]

    def turn_fields(self, head: Head) -> JsonObject:
        """Return the fields of that very head which the batch changes because it takes a turn or ends one."""
        if self.turn is None or isinstance(self.turn, Lease):
            return {"lease": self.turn.model_dump()} if self.turn else {}
        usage = self.turn.usage
        counted = {name: getattr(head.usage, name) + getattr(usage, name) for name in ReplyUsage.model_fields}
        return {"lease": None, **counted}

    def may_follow(self, head: Head) -> bool:
        """Return whether the guard holds for that very head, so that a write need only prove the head to be so still.

        It may not follow where room in the head, or in one request, would be short.
        """
        known = {document["id"] for _, document in head.held()}
        return (
            head.status == "active"
            and self.if_match in {None, head.version}
            and self._may_turn(head)
            and head.document["renew_at"] > self._partition.now
            and head.duplicates_known_from_ms <= self.received
            and head.bytes + head.previous_bytes + self.size < self._partition.limits.head_cap_bytes
            and known.isdisjoint(self._ids)
            and not any(short_hash(head.id, message_id) in head.recent_ids for message_id in self._ids)
        )

    def require_turn(self, head: Head) -> None:
        """Raise TurnInProgressError where the lease cannot be taken, LeaseLostError where it is not held."""
        if isinstance(self.turn, Lease):
            require_free(head.lease, self.turn, self._partition.now)
        elif self.turn:
            require_held(head.lease, self.turn.holder)

    def _may_turn(self, head: Head) -> bool:
        try:
            self.require_turn(head)
        except (TurnInProgressError, LeaseLostError):
            return False
        return True

    def is_newer_than(self, documents: Sequence[MessageDocument]) -> bool:
        """Return whether these were stored too long ago to hold a message that came with this request or a repeat."""
        oldest = format_time(datetime.fromtimestamp(self.received / 1000 - REPEAT_SECONDS, UTC))
        return all(document["created_at"] < oldest for document in documents)

    def is_late_for(self, head: Head) -> bool:
        """Return whether the head may have forgotten a message of this request, or of a repeat of it."""
        if seen := self.searched_log_of(head):
            return head.previous_first_seq - 1 > seen.last_seq + RECENT_IDS
        return head.duplicates_known_from_ms > self.received

    def searched_log_of(self, head: Head) -> Head | None:
        """Return the head whose pages were searched in vain, if these are the first pages of this one."""
        seen = self.searched
        return seen if seen and (seen.epoch, seen.edits) == (head.epoch, head.edits) else None

    def in_pages_of(self, head: Head) -> set[str]:
        """Return which of its ids pages may hold: all or none of them, since they are stored together.

        The head remembers the newest hundred, so of a batch at that edge it may know only some.
        """
        remembered = any(short_hash(head.id, message_id) in head.recent_ids for message_id in self._ids)
        return set(self._ids) if remembered or self.is_late_for(head) else set()

    def counters(self) -> list[Operation]:
        """Return the operations that every append ends with."""
        return [
            increment("/last_seq", len(self.documents)),
            increment("/message_count", len(self.documents)),
            *set_fields(last_activity_at=self.documents[-1]["created_at"]),
            *turn_operations(self.turn),
        ]


def turn_conditions(turn: Lease | Replied | None, now: int) -> list[str]:
    """Hold while a write may take that turn, or end it."""
    if turn is None:
        return []
    return [lease_free(turn.holder, now) if isinstance(turn, Lease) else lease_held(turn.holder)]


def turn_operations(turn: Lease | Replied | None) -> list[Operation]:
    """Return what a write does beside its own work that takes a turn, or ends it: one operation, or four."""
    if turn is None or isinstance(turn, Lease):
        return set_fields(lease=turn.model_dump()) if turn else []
    counted = (increment(f"/{name}", value) for name, value in turn.usage.model_dump().items())
    return [*set_fields(lease=None), *counted]


async def find_stored(partition: Partition, head: Head, batch: Batch) -> dict[str, Message]:
    """Return the messages of the batch that the head, or the newest pages, hold.

    Pages are searched as far back as recent_ids reach, or if these cannot tell, as the request itself does; those
    that an earlier try has searched hold none of it. Several are read at once, because writers go on meanwhile.
    """
    ids = {document["id"] for document in batch.documents}
    found = {document["id"]: head.message(seq, document) for seq, document in head.held() if document["id"] in ids}
    in_pages = batch.in_pages_of(head)
    looked_at = 0
    seen = batch.searched_log_of(head)
    first = seen.counted_pages if seen else 0
    at_once = AT_ONCE if batch.is_late_for(head) else 1
    for end in range(head.counted_pages, first, -at_once):
        if not in_pages - found.keys():
            break
        pages = await read_pages(partition, head, range(max(first, end - at_once), end))
        for page in reversed(pages):
            for seq, document in enumerate(page["messages"], page["first_seq"]):
                if document["id"] in in_pages:
                    found.setdefault(document["id"], head.message(seq, document))
            looked_at += len(page["messages"])
        if looked_at >= max(RECENT_IDS, len(ids)) and batch.is_newer_than(pages[0]["messages"]):
            break
    return found
