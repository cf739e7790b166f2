"""The pages that this process has read for its turns: none changes before its session's head counts another edit."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

from shared.models import stored_bytes
from shared.store.cosmos.documents import NewPageDocument
from shared.store.cosmos.head import Head
from shared.store.cosmos.limits import Limits


class _Kept(NamedTuple):
    """Pages by their generation, under which epoch and after how many edits they are so, and their size."""

    epoch: str
    edits: int
    pages: dict[int, NewPageDocument]
    bytes: int

    def holds_for(self, head: Head) -> bool:
        return (self.epoch, self.edits) == (head.epoch, head.edits)


class KnownPages:
    """The pages of the sessions that took turns here last, so that the next turn of one need not read them again."""

    def __init__(self, limits: Limits) -> None:
        """Begin with none."""
        self._most_bytes = limits.known_pages_bytes
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._bytes = 0

    def of(self, head: Head) -> Mapping[int, NewPageDocument]:
        """Return the pages that are known as they are under this head, by generation."""
        kept = self._kept.get((head.user_id, head.id))
        return kept.pages if kept and kept.holds_for(head) else {}

    def keep(self, head: Head, pages: Mapping[int, NewPageDocument]) -> None:
        """Keep these, which count under this head, in place of what was kept of its session."""
        self._drop((head.user_id, head.id))
        if not pages:
            return
        kept = _Kept(
            head.epoch, head.edits, dict(pages), sum(stored_bytes(page["messages"]) for page in pages.values())
        )
        self._kept[head.user_id, head.id] = kept
        self._bytes += kept.bytes
        while self._bytes > self._most_bytes:
            self._drop(next(iter(self._kept)))

    def add(self, head: Head, page: NewPageDocument) -> None:
        """Keep a page that has just come to count under this head, if pages before it are kept."""
        if self.of(head):
            self.keep(head, {**self.of(head), page["generation"]: page})

    def _drop(self, key: tuple[str, str]) -> None:
        if kept := self._kept.pop(key, None):
            self._bytes -= kept.bytes
