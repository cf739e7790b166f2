"""What this process was last told of sessions it writes to: a guess, which only a write's own predicate makes true."""

from collections import OrderedDict
from collections.abc import Mapping
from time import monotonic
from typing import Any

from shared.store.cosmos.head import Head
from shared.store.cosmos.limits import Limits

STILL_SECONDS = 1.0


class Known:
    """A session as this process knows it: its head, whether others write to it, and whether it is to hold still."""

    def __init__(self, limits: Limits) -> None:
        """Know nothing."""
        self._limits = limits
        self._head: Head | None = None
        self._told_at = self._contended_until = self._still_until = float("-inf")

    @property
    def head(self) -> Head | None:
        """The head, if it is likely to be so still."""
        is_old = monotonic() - self._told_at > self._limits.trust_seconds
        return None if is_old or self.is_contended or self.holds_still else self._head

    @property
    def is_contended(self) -> bool:
        """Whether it was found of late that others write to it too, so that nothing is to be built on its head."""
        return monotonic() < self._contended_until

    @property
    def holds_still(self) -> bool:
        """Whether this process is to begin no rotation of it."""
        return monotonic() < self._still_until

    def note(self, head: Head) -> None:
        """Note what a write or a read has just answered with; a large head is not kept."""
        is_large = head.bytes + head.previous_bytes > self._limits.known_head_bytes
        self._head, self._told_at = None if is_large else head, monotonic()

    def forget(self) -> None:
        """Forget the head: it was changed without a word of what it is now."""
        self._head = None

    def contend(self) -> None:
        """Note that a write was refused because what was known of the head was not so any more."""
        self._head, self._contended_until = None, monotonic() + self._limits.trust_seconds

    def hold_still(self) -> None:
        """Leave its pages as they are for a moment: a change of all of them goes on."""
        self._head, self._still_until = None, monotonic() + STILL_SECONDS


class KnownHeads:
    """The sessions that this process had to do with last, each under its owner."""

    def __init__(self, limits: Limits) -> None:
        """Begin with none."""
        self._limits = limits
        self._known: OrderedDict[tuple[str, str], Known] = OrderedDict()

    def of(self, user_id: str, session_id: str) -> Known:
        """Return what is known of a session."""
        known = self._known.setdefault((user_id, session_id), Known(self._limits))
        self._known.move_to_end((user_id, session_id))
        if len(self._known) > self._limits.known_heads:
            self._known.popitem(last=False)
        return known

    def note(self, document: Mapping[str, Any]) -> None:
        """Note a document that was just answered with, if it is a head."""
        if document.get("type") == "session":
            head = Head(document)
            self.of(head.user_id, head.id).note(head)

    def forget(self, user_id: str, item_id: str) -> None:
        """Forget a head, if the item is one that is known."""
        if known := self._known.get((user_id, item_id)):
            known.forget()
