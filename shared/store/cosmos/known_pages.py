"""The pages that this process has read for its turns: none changes before its session's head counts another edit."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.models import stored_bytes
from shared.store.cosmos.documents import NewPageDocument
from shared.store.cosmos.head import Head
from shared.store.cosmos.limits import Limits

SHARES = 32  # of the whole; no session gets more than one


class _Kept(NamedTuple):
    """Pages by their generation, under which epoch and after how many edits they are so, and their size."""

    epoch: str
    edits: int
    pages: dict[int, NewPageDocument]
    bytes: int

    def holds_for(self, head: Mapping[str, Any]) -> bool:
        return (self.epoch, self.edits) == (head["log"]["epoch"], head["log"]["edits"])


class KnownPages:
    """The pages of the sessions that took turns here last, so that the next turn of one need not read them again."""

    def __init__(self, limits: Limits) -> None:
        """Begin with none."""
        self._most_bytes = limits.known_pages_bytes
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._bytes = 0

    def of(self, head: Head) -> Mapping[int, NewPageDocument]:
        """Return the pages that are known as they are under this head, by generation."""
        key = head.user_id, head.id
        kept = self._kept.get(key)
        if kept is None or not kept.holds_for(head.document):
            return {}
        self._kept.move_to_end(key)
        return kept.pages

    def keep(self, head: Head, pages: Mapping[int, NewPageDocument]) -> None:
        """Keep the newest of these, which count under this head, in place of what was kept of its session."""
        self._drop((head.user_id, head.id))
        newest: dict[int, NewPageDocument] = {}
        size = 0
        for number in sorted(pages, reverse=True):
            with_this = size + stored_bytes(pages[number]["messages"])
            if with_this > self._most_bytes // SHARES:
                break
            newest[number], size = pages[number], with_this
        if newest:
            self._kept[head.user_id, head.id] = _Kept(head.epoch, head.edits, newest, size)
            self._bytes += size
        while self._bytes > self._most_bytes:
            self._drop(next(iter(self._kept)))

    def add(self, head: Head, page: NewPageDocument) -> None:
        """Keep a page that has just come to count under this head, if any before it are kept."""
        if kept := self.of(head):
            self.keep(head, {**kept, page["generation"]: page})

    def forget_others(self, document: Mapping[str, Any]) -> None:
        """Forget pages that are not so any more under this head document."""
        key = document["user_id"], document["id"]
        kept = self._kept.get(key)
        if kept and not kept.holds_for(document):
            self._drop(key)

    def _drop(self, key: tuple[str, str]) -> None:
        if kept := self._kept.pop(key, None):
            self._bytes -= kept.bytes
