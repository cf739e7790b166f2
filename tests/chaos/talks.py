"""What was asked, what was answered and what the model was paid for, and whether what is there in the end agrees.

Moments are places in one count, as in `tests.chaos.history`; the model and the clients record into the same one.
"""

import math
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from shared.models import Lease
from shared.turns.leases import reply_id_for
from tests.chaos.history import Kind, Violation

NOTHING = math.inf  # what a removal removes that removes no message


@dataclass(eq=False)
class Asking:
    """One question to the model, as the model saw it: what it was about, and from when to when it was at it.

    `at` is when it began in seconds since 1970, by which leases last.
    """

    question: str
    begun: int
    at: float
    ended: int | None = None


@dataclass(eq=False)
class Question:
    """Something said in a turn; `reply` is what a client was told, `owed` whether that must be there in the end."""

    session_id: str
    message_id: str
    owed: bool = True
    reply: Mapping[str, Any] | None = None
    told: int | None = None


@dataclass(eq=False)
class Removal:
    """What a session held after a seq was removed between these moments, or may have been.

    Without an end it may still be. Archival removes no message (`after` is NOTHING), but the lease as any removal.
    """

    session_id: str
    begun: int
    after: float = 0
    ended: int | None = None


@dataclass(frozen=True, eq=False)
class Legacy:
    """The lease that an instance left behind which had died by this moment: until then nobody else may ask."""

    question: str
    begun: int
    until: int


@dataclass
class Talks:
    """The record of all turns of one user."""

    user_id: str
    questions: dict[str, Question] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)
    askings: list[Asking] = field(default_factory=list)
    removals: list[Removal] = field(default_factory=list)
    legacies: list[Legacy] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    _moments: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def acknowledged(self) -> int:
        """Count the replies that clients were told."""
        return sum(question.reply is not None for question in self.questions.values())

    def ask(self, session_id: str, message_id: str) -> Question:
        """Record that a turn is about to be sent for the first time."""
        return self.questions.setdefault(message_id, Question(session_id, message_id))

    def answer(self, question: Question, reply: Mapping[str, Any]) -> None:
        """Record the reply that a client was told; it is the same whenever one is told."""
        if question.reply is None:
            question.reply, question.told = reply, next(self._moments)
        elif _of(question.reply) != _of(reply) and question.owed:
            self._note("doubled", f"{question.message_id} was answered {question.reply['content']!r} and {reply!r}")

    def begin_removal(self, session_id: str, after: float = 0) -> Removal:
        """Record that what a session holds after that seq is about to be removed: of that nothing is owed any more."""
        removal = Removal(session_id, next(self._moments), after)
        self.removals.append(removal)
        self._forget(removal)
        return removal

    def end_removal(self, removal: Removal) -> None:
        """Record that it was removed, with what was asked meanwhile."""
        removal.ended = next(self._moments)
        self._forget(removal)

    def die(self, leases: Iterable[Lease]) -> None:
        """Record that an instance has died which held these: each keeps others away until it is over."""
        asked = {reply_id_for(self.user_id, one.session_id, one.message_id): one for one in self.questions.values()}
        known = [(asked[lease.reply_id].message_id, lease.until) for lease in leases]
        self.legacies += [Legacy(question, next(self._moments), until) for question, until in known]

    def begin(self, message_id: str) -> Asking:
        """Record that the model is asked."""
        asking = Asking(message_id, next(self._moments), time.time())
        self.askings.append(asking)
        return asking

    def end(self, asking: Asking) -> None:
        """Record that the model has ended, or was left."""
        asking.ended = next(self._moments)

    def glance(self, session_id: str, messages: Sequence[Mapping[str, Any]]) -> None:
        """Require what holds of a session at every moment: each reply stands behind its question, and is the only one.

        The messages are all that it has, oldest first.
        """
        places = {message["id"]: place for place, message in enumerate(messages)}
        asked = {reply_id_for(self.user_id, session_id, one.message_id): one for one in self._asked_in(session_id)}
        for message in messages:
            if message["role"] == "assistant":
                self._check_reply(message, asked.get(message["id"]), places)
            elif message["id"] not in self.questions and message["id"] not in self.others:
                self._note("unknown", f"nobody said {message['id']}")
        said = Counter(_about(message) for message in messages if message["role"] == "assistant")
        for message_id, number in said.items():
            if number > 1:
                self._note("doubled", f"{message_id} has {number} replies")

    def check(self, session_id: str, messages: Sequence[Mapping[str, Any]]) -> None:
        """Hold the record of a session against the messages it has in the end, oldest first."""
        self._forget_what_may_be_gone()
        self.glance(session_id, messages)
        for question in self._asked_in(session_id):
            self._check_told(question, messages)

    def _asked_in(self, session_id: str) -> list[Question]:
        return [one for one in self.questions.values() if one.session_id == session_id]

    def check_paid(self) -> None:
        """Require that a question was never asked twice at once, nor once more after its reply had been told.

        A removal takes the lease with the question: who says it again meanwhile asks for a reply of its own. Nothing
        else does: whoever has died keeps its lease to the end.
        """
        self._forget_what_may_be_gone()
        last: dict[str, Asking] = {}
        for asking in sorted(self.askings, key=lambda one: one.begun):
            before = last.get(asking.question)
            at_once = before and (before.ended is None or before.ended > asking.begun)
            if before and at_once and not self._was_removed(asking.question, before.begun, asking.begun):
                self._note("paid twice", f"{asking.question} was asked while it was being answered")
            told = self.questions[asking.question]
            if told.owed and told.told is not None and told.told < asking.begun:
                self._note("paid twice", f"{asking.question} was asked after its reply had been told")
            last[asking.question] = asking
        for legacy in self.legacies:
            self._check_legacy(legacy)

    def _check_legacy(self, legacy: Legacy) -> None:
        """Require that nobody asked while a lease lasted whose holder had died, unless a removal took it."""
        for asking in self.askings:
            is_later = asking.question == legacy.question and asking.begun > legacy.begun
            seconds = legacy.until - asking.at
            if is_later and seconds > 0 and not self._was_removed(asking.question, legacy.begun, asking.begun):
                self._note(
                    "paid twice", f"{asking.question} was asked {seconds:.1f} s before a dead one's lease was over"
                )

    def _forget(self, removal: Removal) -> None:
        """Let nothing be owed that it may have taken away; of what nobody was told yet nobody knows where it stands."""
        if removal.after == NOTHING:
            return
        for question in self.questions.values():
            is_kept = question.reply is not None and question.reply["seq"] <= removal.after
            if question.session_id == removal.session_id and not is_kept:
                question.owed = False

    def _forget_what_may_be_gone(self) -> None:
        for removal in self.removals:
            if removal.ended is None:
                self._forget(removal)

    def _was_removed(self, question: str, since: int, until: int) -> bool:
        session_id = self.questions[question].session_id
        return any(
            removal.session_id == session_id and removal.begun < until and (removal.ended or until) > since
            for removal in self.removals
        )

    def _check_reply(self, reply: Mapping[str, Any], question: Question | None, places: Mapping[str, int]) -> None:
        if question is None or _about(reply) != question.message_id:
            self._note("unknown", f"{reply['id']} answers nothing that was asked: {reply['content']!r}")
        elif places.get(question.message_id, len(places)) > places[reply["id"]]:
            self._note("unknown", f"there is a reply to {question.message_id}, which is not there, or behind it")

    def _check_told(self, question: Question, messages: Sequence[Mapping[str, Any]]) -> None:
        if question.reply is None or not question.owed:
            return
        there = {message["id"]: message for message in messages}
        if question.message_id not in there:
            self._note("lost", f"{question.message_id}, which was answered")
        found = there.get(question.reply["id"])
        if found is None:
            self._note("lost", f"the reply to {question.message_id}")
        elif _of(found) != _of(question.reply):
            self._note("changed", f"the reply to {question.message_id} is {found['content']!r}")

    def _note(self, kind: Kind, detail: str) -> None:
        self.violations.append(Violation(kind, detail))


def _of(reply: Mapping[str, Any]) -> tuple[object, ...]:
    return reply["id"], reply["seq"], reply["content"]


def _about(reply: Mapping[str, Any]) -> str:
    """Return the question that a reply is about: the model begins each with its id."""
    return str(reply["content"]).partition(" ")[0]
