"""What was asked, what was answered and what the model was paid for, and whether what is there in the end agrees.

Moments are places in one count, as in `tests.chaos.history`; the model and the clients record into the same one.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from shared.turns.leases import reply_id_for
from tests.chaos.history import Kind, Violation


@dataclass(eq=False)
class Asking:
    """One question to the model, as the model saw it: what it was about, and from when to when it was at it."""

    question: str
    begun: int
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
    """What a session held was removed between these moments, or may have been; without an end it may still be."""

    session_id: str
    begun: int
    ended: int | None = None


@dataclass
class Talks:
    """The record of all turns of one user."""

    user_id: str
    questions: dict[str, Question] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)
    askings: list[Asking] = field(default_factory=list)
    removals: list[Removal] = field(default_factory=list)
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

    def begin_removal(self, session_id: str) -> Removal:
        """Record that what a session holds is about to be removed: of what was asked so far nothing is owed."""
        removal = Removal(session_id, next(self._moments))
        self.removals.append(removal)
        self._forget(session_id)
        return removal

    def end_removal(self, removal: Removal) -> None:
        """Record that it was removed, with what was asked meanwhile."""
        removal.ended = next(self._moments)
        self._forget(removal.session_id)

    def begin(self, message_id: str) -> Asking:
        """Record that the model is asked."""
        asking = Asking(message_id, next(self._moments))
        self.askings.append(asking)
        return asking

    def end(self, asking: Asking) -> None:
        """Record that the model has ended, or was left."""
        asking.ended = next(self._moments)

    def check(self, session_id: str, messages: Sequence[Mapping[str, Any]]) -> None:
        """Hold the record of a session against the messages it has in the end, oldest first."""
        places = {message["id"]: place for place, message in enumerate(messages)}
        questions = [one for one in self.questions.values() if one.session_id == session_id]
        replies = {reply_id_for(self.user_id, session_id, one.message_id): one for one in questions}
        for message in messages:
            if message["role"] == "assistant":
                self._check_reply(message, replies.get(message["id"]), places)
            elif message["id"] not in self.questions and message["id"] not in self.others:
                self._note("unknown", f"nobody said {message['id']}")
        said = Counter(_about(message) for message in messages if message["role"] == "assistant")
        for message_id, number in said.items():
            if number > 1:
                self._note("doubled", f"{message_id} has {number} replies")
        for question in questions:
            self._check_told(question, messages)

    def check_paid(self) -> None:
        """Require that a question was never asked twice at once, nor once more after its reply had been told.

        A removal takes the lease with the question: who says it again meanwhile asks for a reply of its own.
        """
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

    def _forget(self, session_id: str) -> None:
        for question in self.questions.values():
            question.owed = question.owed and question.session_id != session_id

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
