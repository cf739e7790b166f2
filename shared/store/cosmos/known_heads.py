"""What this process was last told of sessions it writes to: a guess, which only a write's own predicate makes true."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from shared.store.cosmos.head import Head
from shared.store.cosmos.limits import Limits

STEADY_SECONDS = 1.0


@dataclass(slots=True)
class Known:
    """The head of a session as it was, until when nothing is to be built on it, and until when it is not to rotate."""

    head: Head | None = None
    told_at: float = 0
    contended_until: float = 0
    steady_until: float = 0


class KnownHeads:
    """The newest few heads, each under its owner and its session."""

    def __init__(self, limits: Limits) -> None:
        """Begin with none."""
        self._limits = limits
        self._known: OrderedDict[tuple[str, str], Known] = OrderedDict()

    def note(self, document: Mapping[str, Any]) -> None:
        """Note a document that a write or a read has just answered with, if it is a head that is worth it."""
        if document.get("type") != "session":
            return
        head = Head(document)
        known = self._of(head.user_id, head.id)
        large = head.bytes + head.previous_bytes > self._limits.known_head_bytes
        known.head, known.told_at = None if large else head, monotonic()

    def forget(self, user_id: str, item_id: str) -> None:
        """Forget a head that was changed without a word of what it is now."""
        if known := self._known.get((user_id, item_id)):
            known.head = None

    def contended(self, user_id: str, session_id: str) -> None:
        """Note that a write was refused because what was known of the head was not so any more."""
        known = self._of(user_id, session_id)
        known.head, known.contended_until = None, monotonic() + self._limits.trust_seconds

    def steady(self, user_id: str, session_id: str) -> None:
        """Have this process leave the head's pages as they are for a moment: a change of all of them goes on."""
        known = self._of(user_id, session_id)
        known.head, known.steady_until = None, monotonic() + STEADY_SECONDS

    def is_steady(self, user_id: str, session_id: str) -> bool:
        """Return whether that was asked of late."""
        known = self._known.get((user_id, session_id))
        return known is not None and monotonic() < known.steady_until

    def is_contended(self, user_id: str, session_id: str) -> bool:
        """Return whether that was noted of late."""
        known = self._known.get((user_id, session_id))
        return known is not None and monotonic() < known.contended_until

    def head(self, user_id: str, session_id: str) -> Head | None:
        """Return the head, if it is likely to be so still."""
        known = self._known.get((user_id, session_id))
        if known is None or monotonic() - known.told_at > self._limits.trust_seconds:
            return None
        shared = self.is_contended(user_id, session_id) or self.is_steady(user_id, session_id)
        return None if shared else known.head

    def _of(self, user_id: str, session_id: str) -> Known:
        known = self._known.setdefault((user_id, session_id), Known())
        self._known.move_to_end((user_id, session_id))
        if len(self._known) > self._limits.known_heads:
            self._known.popitem(last=False)
        return known
