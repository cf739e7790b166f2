"""What clients sent to one session, what they were answered and shown, and whether what is there in the end agrees.

Of any store and any way to it: clients record into a History while they work, and `History.check` compares it with
the Contents that were read when all of them had ended. Moments are places in one count, so that "before" needs no
clock: the recording is done by the clients of one process.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal[
    "lost",  # acknowledged and not there
    "doubled",  # acknowledged and there more than once
    "doubled unacknowledged",
    "order",  # behind something that was sent after it had been acknowledged
    "torn",  # a request's messages there in part, or not together
    "changed",  # other content than was sent, or a seq that meant another message before
    "unknown",  # there, though nobody sent it, or it was refused or cleared
    "gap",  # seqs not in a row
    "counter",  # counted otherwise than it is
    "read",  # shown with holes, doubles, in another order, or without what was acknowledged before
    "answer",  # an answer that no client should get
    "documents",  # pages and head do not fit together
    "slow",  # waited longer than anybody may
    "paid twice",  # a model asked while it was answering the same, or after its reply had been told
]
Placed = tuple[int, str]  # a message's seq and id


@dataclass(frozen=True)
class Violation:
    """A promise that was broken."""

    kind: Kind
    detail: str


@dataclass(frozen=True)
class Said:
    """A message as its client sent it."""

    id: str
    role: str
    content: str


@dataclass(eq=False)
class Sending:
    """One append, under the same ids however often it was repeated, from its first try to its last answer.

    Without `seqs` it was never acknowledged and may be there or not; `refused` tells that it must not be, and
    `removed` that a clear came after it.
    """

    client: str
    messages: Sequence[Said]
    begun: int
    ended: int | None = None
    seqs: Sequence[int] | None = None
    refused: bool = False
    removed: bool = False


@dataclass(frozen=True)
class Contents:
    """A session as it was found in the end; `last_seq` where it can be seen, beside the messages oldest first."""

    messages: Sequence[Mapping[str, Any]]
    message_count: int
    by_role: Mapping[str, int]
    last_seq: int | None = None

    @property
    def placed(self) -> list[Placed]:
        """Return the messages as seq and id."""
        return [(message["seq"], message["id"]) for message in self.messages]


@dataclass
class History:
    """The record of one session from its creation on."""

    name: str = "session"
    sendings: list[Sending] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    _moment: int = 0
    _highest: int = 0
    _cleared_to: int = 0
    _maybe_cleared: bool = False
    _seen: dict[int, str] = field(default_factory=dict)

    @property
    def acknowledged(self) -> int:
        """Count the messages that were acknowledged."""
        return sum(len(sending.messages) for sending in self.sendings if sending.seqs is not None)

    @property
    def highest(self) -> int:
        """Return the highest seq that was acknowledged by now: a read that begins now must know of it."""
        return self._highest

    def begin(self, client: str, messages: Sequence[Said]) -> Sending:
        """Record that a client is about to send these messages for the first time."""
        sending = Sending(client, messages, self._now())
        self.sendings.append(sending)
        return sending

    def acknowledge(self, sending: Sending, stored: Sequence[Mapping[str, Any]]) -> None:
        """Record that it was answered as stored, with these messages."""
        sending.ended = self._now()
        sending.seqs = [message["seq"] for message in stored]
        answered, sent = [message["id"] for message in stored], [said.id for said in sending.messages]
        if answered != sent:
            self.note("answer", f"{sent} was acknowledged as {answered}")
        self._take(list(zip(sending.seqs, answered, strict=True)), "an acknowledgement")
        self._highest = max(self._highest, 0, *sending.seqs)

    def refuse(self, sending: Sending) -> None:
        """Record that it was refused for good: nothing of it may ever be there."""
        sending.ended, sending.refused = self._now(), True

    def clear(self) -> None:
        """Record that everything sent so far was removed; nobody may be sending to the session meanwhile."""
        self._cleared_to = self._highest
        for sending in self.sendings:
            sending.removed = True

    def maybe_clear(self) -> None:
        """Record a clear of which nobody knows whether it was done: what was acknowledged is owed no longer."""
        self._maybe_cleared = True
        for sending in self.sendings:
            if not sending.removed:
                sending.seqs = None

    def show(self, messages: Iterable[Placed], *, highest: int = 0, newest: bool = False) -> None:
        """Record messages that a client was shown in one go, oldest first.

        `highest` is the history's from when the read began, `newest` tells that it was to show the newest ones.
        """
        placed = list(messages)
        seqs = [seq for seq, _ in placed]
        if seqs != list(range(seqs[0], seqs[0] + len(seqs)) if seqs else []):
            self.note("read", f"shown with holes, doubles or in another order: {seqs}")
        if newest and (seqs[-1] if seqs else 0) < highest:
            self.note("read", f"the newest shown was {seqs[-1:]} after {highest} had been acknowledged")
        self._take(placed, "a read")

    def note(self, kind: Kind, detail: str) -> None:
        """Record a broken promise that a client met by itself."""
        self.violations.append(Violation(kind, f"{self.name}: {detail}"))

    def check(self, found: Contents) -> list[Violation]:
        """Hold the record against what is there; return everything that is wrong, what was recorded included."""
        placed = found.placed
        where: dict[str, list[int]] = {}
        for seq, message_id in placed:
            where.setdefault(message_id, []).append(seq)
        self._check_each(where)
        self._check_order(where)
        self._check_said(found)
        self._check_counters(found)
        self._take(placed, "the end")
        return self.violations

    def _now(self) -> int:
        self._moment += 1
        return self._moment

    def _take(self, placed: Sequence[Placed], what: str) -> None:
        """Require that a seq always means the same message: numbers are never given twice."""
        for seq, message_id in placed:
            known = self._seen.setdefault(seq, message_id)
            if known != message_id:
                self.note("changed", f"{what} shows {message_id} as {seq}, which was {known}")

    def _check_each(self, where: Mapping[str, Sequence[int]]) -> None:
        for sending in self.sendings:
            ids = [said.id for said in sending.messages]
            present = [message_id for message_id in ids if message_id in where]
            self._check_doubles(sending, present, where)
            if sending.refused or (sending.removed and sending.ended is not None):
                if present:
                    self.note("unknown", f"{present} is there, but was {'refused' if sending.refused else 'cleared'}")
            elif sending.seqs is not None:
                self._check_acknowledged(sending, where)
            elif present and (present != ids or _is_torn([where[message_id][0] for message_id in ids])):
                self.note("torn", f"of {ids} only {present} is there, or not together")

    def _check_doubles(self, sending: Sending, present: Sequence[str], where: Mapping[str, Sequence[int]]) -> None:
        kind: Kind = "doubled" if sending.seqs is not None else "doubled unacknowledged"
        for message_id in present:
            if len(where[message_id]) > 1:
                self.note(kind, f"{message_id} is there as {list(where[message_id])}")

    def _check_acknowledged(self, sending: Sending, where: Mapping[str, Sequence[int]]) -> None:
        for said, seq in zip(sending.messages, sending.seqs or (), strict=False):
            if said.id not in where:
                self.note("lost", f"{said.id} of {sending.client}, acknowledged as {seq}")
            elif seq not in where[said.id]:
                self.note("changed", f"{said.id}, acknowledged as {seq}, is there as {list(where[said.id])}")
        if _is_torn(sending.seqs or ()):
            self.note("torn", f"acknowledged as {sending.seqs}")

    def _check_order(self, where: Mapping[str, Sequence[int]]) -> None:
        """Require that what was acknowledged before something else was first sent stands before it.

        That holds for each client's own messages, and as much for those of two clients.
        """
        there = [
            (where[said.id][0], said.id, sending)
            for sending in self.sendings
            for said in sending.messages
            if said.id in where
        ]
        latest, latest_id = 0, ""
        for _seq, message_id, sending in sorted(there, key=lambda one: one[0]):
            if sending.seqs is not None and sending.ended is not None and sending.ended < latest:
                self.note("order", f"{message_id} stands behind {latest_id}, which was sent after it was acknowledged")
            if sending.begun > latest:
                latest, latest_id = sending.begun, message_id

    def _check_said(self, found: Contents) -> None:
        said = {said.id: said for sending in self.sendings for said in sending.messages}
        for message in found.messages:
            known = said.get(message["id"])
            if known is None:
                self.note("unknown", f"nobody sent {message['id']}, which is there as {message['seq']}")
            elif (known.role, known.content) != (message["role"], message["content"]):
                self.note("changed", f"{message['id']} says something else than was sent")

    def _check_counters(self, found: Contents) -> None:
        seqs = [seq for seq, _ in found.placed]
        first = seqs[0] if seqs else 0
        if seqs != list(range(first, first + len(seqs))):
            self.note("gap", f"seqs are not in a row: {seqs}")
        expected = self._cleared_to + 1
        if seqs and not self._maybe_cleared and (first < expected or (expected == 1 and first != 1)):
            self.note("gap", f"the first seq is {first}, not {expected}")
        if found.message_count != len(seqs):
            self.note("counter", f"message_count is {found.message_count} for {len(seqs)} messages")
        if found.last_seq is not None and (found.last_seq < self._cleared_to or [found.last_seq] != seqs[-1:] != []):
            self.note(
                "counter", f"last_seq is {found.last_seq} after {self._cleared_to}, the last message's {seqs[-1:]}"
            )
        roles = Counter(message["role"] for message in found.messages)
        if roles != Counter({role: number for role, number in found.by_role.items() if number}):
            self.note("counter", f"by_role is {dict(found.by_role)} for {dict(roles)}")


def _is_torn(seqs: Sequence[int]) -> bool:
    """Tell whether messages of one request are not in a row."""
    return list(seqs) != list(range(seqs[0], seqs[0] + len(seqs))) if seqs else False
