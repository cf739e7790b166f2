"""What really happened to one session, read from its head after every write, and what answers that allows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.models import JsonObject
from shared.store.cosmos.head import Head, page_id
from shared.store.cosmos.versions import Version
from shared.store.rules import documents_bytes

VISIBLE = (
    "session_name",
    "context",
    "tags",
    "pinned",
    "status",
    "ttl_seconds",
    "message_count",
    "last_seq",
    "created_at",
)
CUTS = {"rewind", "replace_tail"}
MAY_END = {"clear", "delete", "create", *CUTS}  # a create finishes the deletion that holds its id


class ViolationError(AssertionError):
    """A promise that was broken."""


def require(condition: object, what: str) -> None:
    """Raise ViolationError unless the condition holds."""
    if not condition:
        raise ViolationError(what)


@dataclass(frozen=True)
class State:
    """The session at one moment; `document` is None while it does not exist.

    `lsn` is that of the write that led to it, `messages` are the ids of those that are kept, by seq.
    """

    document: JsonObject | None = None
    lsn: int = 0
    messages: Mapping[int, str] = field(default_factory=dict)

    @property
    def epoch(self) -> str | None:
        """Name the log's life, None without a session."""
        return self.document["log"]["epoch"] if self.document else None

    @property
    def seqs(self) -> range:
        """Return the seqs that are kept."""
        if not self.document:
            return range(0)
        last = self.document["last_seq"]
        return range(last - self.document["message_count"] + 1, last + 1)


@dataclass
class Deed:
    """One call of one client: what it sent, when it ran (as places in the row of states), and what it brought about.

    `oldest` is the place of the oldest state that a read may answer from; where nothing lags, that in which it began.
    `after` is the seq after which `ids` are to follow, and nothing else.
    """

    client: int
    verb: str
    ids: list[str]
    start: int
    if_match: str | None = None
    sought: str = ""
    after: int = 0
    end: int | None = None
    faults: int = 0
    refused: int = 0  # reads that no replica served, for want of the state they asked for
    oldest: int | None = None
    applied: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class _Seen:
    """A head, and all that is stored beside it."""

    head: Head
    items: Sequence[JsonObject]

    def ids(self) -> dict[int, str]:
        """Return the ids of all messages by seq, from the pages that count and from the head."""
        head, by_id = self.head, {item["id"]: item for item in self.items}
        pages = [by_id.get(page_id(head.id, head.epoch, number)) for number in range(head.counted_pages)]
        numbered = [(page["first_seq"], page["messages"]) for page in pages if page]
        in_pages = {seq: document["id"] for first, some in numbered for seq, document in enumerate(some, first)}
        return in_pages | {seq: document["id"] for seq, document in head.held()}


class Truth:
    """The row of states of one session."""

    def __init__(self, cap_bytes: int) -> None:
        """Begin before the session exists; both generations of its head must stay under the cap."""
        self.states: list[State] = [State()]
        self._epochs: set[str] = set()
        self.visible: dict[str, JsonObject] = {}
        self.generations: dict[str, int] = {}
        self._cap = cap_bytes

    @property
    def now(self) -> int:
        """Return the place of the present state."""
        return len(self.states) - 1

    @property
    def last(self) -> State:
        """Return the present state."""
        return self.states[-1]

    def look(self, items: Sequence[JsonObject], session_id: str, lsn: int, deed: Deed) -> None:
        """Take in what is stored after a write of this deed; raises ViolationError if it may not be so."""
        document = next((item for item in items if item["id"] == session_id), None)
        known: dict[int, str] = {}
        state = State(None if document is None or document["status"] == "deleted" else document, lsn, known)
        before = self.last
        self.states.append(state)
        if state.epoch != before.epoch:
            require(deed.verb in MAY_END, f"{deed.verb} ended an epoch")
            require(state.epoch not in self._epochs, "an epoch came back")
        if state.epoch and state.document:
            self._epochs.add(state.epoch)
            self._take(_Seen(Head(state.document), items), known, before, deed)

    def _take(self, seen: "_Seen", known: dict[int, str], before: State, deed: Deed) -> None:
        head, state = seen.head, self.last
        document = head.document
        same = before.document is not None and before.epoch == state.epoch
        if same:
            assert before.document
            cut = document["last_seq"] < before.document["last_seq"]
            require(not cut or deed.verb in CUTS, "last_seq went back")
            require(head.generation >= self.generations[head.epoch], "a generation went back")
            fresh = range(before.document["last_seq"] + 1, head.last_seq + 1)
        else:
            require(deed.verb != "clear" or document["message_count"] == 0, "a clear left messages")
            fresh = range(0) if deed.verb == "rewind" else state.seqs
        if deed.verb == "replace_tail":
            fresh = self._new_tail(seen, before, deed)
        if same or deed.verb in CUTS:
            last = min(head.last_seq, fresh.start - 1 if fresh else head.last_seq)
            known |= {seq: message_id for seq, message_id in before.messages.items() if seq <= last}
        self.generations[head.epoch] = head.generation
        self._take_messages(seen, known, fresh, deed)
        require(sorted(known) == list(state.seqs), f"message_count or last_seq is wrong: {sorted(known)} {state.seqs}")
        self._check_bytes(head)
        visible = {name: document[name] for name in VISIBLE}
        if same and deed.if_match and visible != self.visible[Version.of(before.document).etag]:  # type: ignore[index]
            require(
                self.visible.get(deed.if_match) == self.visible[Version.of(before.document).etag],
                "if_match was not kept",
            )  # type: ignore[index]
        self.visible[Version.of(document).etag] = visible

    def _new_tail(self, seen: "_Seen", before: State, deed: Deed) -> range:
        """Return the seqs of a tail that this write has put in another's place; none where it wrote no message."""
        last_seq = seen.head.last_seq
        held, tail = seen.ids(), range(last_seq - len(deed.ids) + 1, last_seq + 1)
        if last_seq == before.seqs.stop - 1 and all(
            before.messages[seq] == held[seq] for seq in tail if seq in before.seqs
        ):
            return range(0)
        kept = min(max(deed.after, before.seqs.start - 1), before.seqs.stop - 1)
        require(tail.start == kept + 1, f"{tail} follows {deed.after} of {before.seqs}")
        return tail

    def _take_messages(self, seen: "_Seen", known: dict[int, str], fresh: range, deed: Deed) -> None:
        head, held = seen.head, seen.ids()
        added = [held[seq] for seq in fresh]
        if added:
            require(added == deed.ids, f"{deed.verb} stored {added} of {deed.ids}")
            twice = set(added) & {known_id for seq, known_id in known.items() if seq > head.last_seq - 100}
            require(not twice, f"stored twice: {twice}")
            deed.applied.append(self.now)
        known |= dict(zip(fresh, added, strict=True))
        for seq, message_id in held.items():
            require(known.get(seq) == message_id, f"seq {seq} changed or appeared: {known.get(seq)} {message_id}")

    def _check_bytes(self, head: Head) -> None:
        require(head.bytes == documents_bytes(head.messages), "bytes is wrong")
        require(head.previous_bytes == documents_bytes(head.previous), "previous_bytes is wrong")
        require(head.bytes + head.previous_bytes < self._cap, "the head is over its cap")

    def check_pages(self, pages: Sequence[JsonObject]) -> None:
        """Require that all pages that count are there, hold what they should, and live as long as their head may."""
        if not self.last.document:
            return
        head = Head(self.last.document)
        by_id = {page["id"]: page for page in pages}
        first = head.first_seq
        for generation in range(head.counted_pages):
            page = by_id.get(page_id(head.id, head.epoch, generation))
            require(page, f"page {generation} of {head.counted_pages} is missing")
            assert page
            require(page["first_seq"] == first, f"page {generation} begins at {page['first_seq']}, not at {first}")
            ids = [document["id"] for document in page["messages"]]
            kept = [self.last.messages.get(seq) for seq in range(first, first + len(ids))]
            require(ids == kept, f"page {generation} holds {ids}, not {kept}")
            first += len(ids)
            self._check_life(head, page)
        require(first == head.previous_first_seq, "the pages do not reach up to the head")

    def _check_life(self, head: Head, page: JsonObject) -> None:
        """The head can be written until just before `renew_at`, and lives for its ttl after that."""
        if page["ttl"] == -1:
            return
        require(head.ttl != -1, "a page of a kept session expires")
        ends, needed = page["_ts"] + page["ttl"], head.document["renew_at"] - 1 + head.ttl
        require(ends >= needed, f"page {page['generation']} ends {needed - ends} s before its head may")

    def some(self, deed: Deed, test: Callable[[State], bool]) -> bool:
        """Tell whether the session was like that at any moment of the deed."""
        return any(test(state) for state in self.states[deed.start : self.now + 1])

    def shown(self, deed: Deed, test: Callable[[State], bool]) -> bool:
        """Tell whether the session was like that at a moment that a read of this deed may have seen."""
        oldest = deed.start if deed.oldest is None else min(deed.oldest, deed.start)
        return any(test(state) for state in self.states[oldest : self.now + 1])

    def place(self, lsn: int) -> int:
        """Return the place of the state that a write with this LSN, or an earlier one, led to."""
        return max(place for place, state in enumerate(self.states) if state.lsn <= lsn)

    def ids(self, state: State, seqs: range) -> list[tuple[int, str]]:
        """Return the messages kept at that moment, of those seqs."""
        return [(seq, state.messages[seq]) for seq in seqs if seq in state.seqs]
