"""The checker of turns finds each kind of violation, and none where there is none."""

import time
from typing import Any
from unittest.mock import Mock

import pytest

from shared.models import Lease
from shared.turns.leases import reply_id_for
from tests.chaos.requests import Talk
from tests.chaos.talks import NOTHING, Talks

USER, SESSION = "ann", "s"
NOBODY = Mock()


def said(seq: int, message_id: str) -> dict[str, Any]:
    return {"id": message_id, "role": "user", "content": f"{message_id} is it", "seq": seq}


def reply(seq: int, message_id: str, text: str = "is answered") -> dict[str, Any]:
    name = reply_id_for(USER, SESSION, message_id)
    return {"id": name, "role": "assistant", "content": f"{message_id} {text}", "seq": seq}


@pytest.fixture
def talks() -> Talks:
    """Return the record of a question that was answered, and of one that nobody was told an answer to."""
    record = Talks(USER)
    first = record.ask(SESSION, "q1")
    record.end(record.begin("q1"))
    record.answer(first, reply(2, "q1"))
    record.ask(SESSION, "q2")
    record.end(record.begin("q2"))
    return record


ALL = [said(1, "q1"), reply(2, "q1"), said(3, "q2")]


def kinds(talks: Talks, messages: list[dict[str, Any]]) -> set[str]:
    talks.check(SESSION, messages)
    talks.check_paid()
    return {violation.kind for violation in talks.violations}


@pytest.mark.parametrize("messages", [ALL[:2], ALL, [*ALL, reply(4, "q2")]])
def test_a_reply_that_was_told_is_there_and_others_may_be(talks: Talks, messages: list[dict[str, Any]]) -> None:
    assert kinds(talks, messages) == set()


BROKEN = {
    "no reply": ([said(1, "q1")], "lost"),
    "no question": ([reply(2, "q1")], "lost"),
    "a reply to what is not there": ([*ALL[:2], reply(4, "q2")], "unknown"),
    "a reply before its question": ([*ALL[:2], reply(3, "q2"), said(4, "q2")], "unknown"),
    "a reply to nothing": ([*ALL, reply(4, "q3")], "unknown"),
    "words nobody said": ([*ALL, said(4, "q3")], "unknown"),
    "another reply": ([said(1, "q1"), reply(2, "q1", "is not"), said(3, "q2")], "changed"),
    "two replies": ([*ALL, {**reply(4, "q1"), "id": "other"}], "doubled"),
}


@pytest.mark.parametrize(("messages", "kind"), BROKEN.values(), ids=list(BROKEN))
def test_what_is_wrong_with_a_session_is_found(talks: Talks, messages: list[dict[str, Any]], kind: str) -> None:
    assert kind in kinds(talks, messages)


@pytest.mark.parametrize(
    ("messages", "violations"),
    [(ALL[:1], set()), (ALL[1:], {"unknown"}), ([*ALL, {**reply(4, "q1"), "id": "other"}], {"unknown", "doubled"})],
)
def test_a_glance_finds_what_may_never_be(talks: Talks, messages: list[dict[str, Any]], violations: set[str]) -> None:
    talks.glance(SESSION, messages)

    assert {violation.kind for violation in talks.violations} == violations


def test_two_answers_to_one_question_are_found(talks: Talks) -> None:
    talks.answer(talks.questions["q1"], reply(2, "q1", "is not"))

    assert kinds(talks, ALL) == {"doubled"}


def test_a_model_that_is_asked_while_it_answers_is_paid_twice(talks: Talks) -> None:
    first, second = talks.begin("q2"), talks.begin("q2")
    talks.end(first)
    talks.end(second)

    assert kinds(talks, ALL) == {"paid twice"}


def test_a_model_that_is_asked_after_its_reply_was_told_is_paid_twice(talks: Talks) -> None:
    talks.end(talks.begin("q1"))

    assert kinds(talks, ALL) == {"paid twice"}


def test_of_what_was_removed_nothing_is_owed(talks: Talks) -> None:
    talks.end_removal(talks.begin_removal(SESSION))
    talks.end(talks.begin("q1"))

    assert kinds(talks, []) == set()


@pytest.mark.parametrize("when", ["before", "between", "after"])
def test_only_a_removal_between_them_lets_a_question_be_asked_twice_at_once(talks: Talks, when: str) -> None:
    if when == "before":
        talks.end_removal(talks.begin_removal(SESSION))
    first = talks.begin("q2")
    if when == "between":
        talks.end_removal(talks.begin_removal(SESSION))
    second = talks.begin("q2")
    if when == "after":
        talks.end_removal(talks.begin_removal(SESSION))
    talks.end(second)
    talks.end(first)

    assert kinds(talks, []) == (set() if when == "between" else {"paid twice"})


@pytest.mark.parametrize(("after", "violations"), [(2, {"lost"}), (1, set()), (0, set())])
def test_a_rewind_takes_what_it_is_after_and_no_more(talks: Talks, after: int, violations: set[str]) -> None:
    talks.end_removal(talks.begin_removal(SESSION, after))

    assert kinds(talks, []) == violations


def test_archival_takes_no_message(talks: Talks) -> None:
    talks.end_removal(talks.begin_removal(SESSION, NOTHING))

    assert kinds(talks, []) == {"lost"}


def test_archival_takes_the_lease(talks: Talks) -> None:
    first = talks.begin("q2")
    talks.end_removal(talks.begin_removal(SESSION, NOTHING))
    talks.end(talks.begin("q2"))
    talks.end(first)

    assert kinds(talks, ALL) == set()


def test_of_what_may_be_removed_still_nothing_is_owed_that_was_told_since(talks: Talks) -> None:
    talks.begin_removal(SESSION)
    talks.answer(talks.ask(SESSION, "q3"), reply(2, "q3"))

    assert kinds(talks, []) == set()


def test_what_a_removal_was_over_before_is_owed(talks: Talks) -> None:
    talks.end_removal(talks.begin_removal(SESSION))
    talks.answer(talks.ask(SESSION, "q3"), reply(2, "q3"))

    assert kinds(talks, []) == {"lost"}


def test_a_reply_to_what_was_removed_is_found(talks: Talks) -> None:
    talks.end_removal(talks.begin_removal(SESSION))

    assert kinds(talks, [reply(3, "q2")]) == {"unknown"}


def left_behind(seconds: int) -> list[Lease]:
    reply_id = reply_id_for(USER, SESSION, "q2")
    return [Lease(reply_id=reply_id, holder="dead", until=int(time.time()) + seconds)]


@pytest.mark.parametrize(("seconds", "violations"), [(10, {"paid twice"}), (0, set())])
def test_nobody_asks_before_the_lease_of_who_has_died_is_over(talks: Talks, seconds: int, violations: set[str]) -> None:
    talks.die(left_behind(seconds))
    talks.end(talks.begin("q2"))

    assert kinds(talks, ALL) == violations


def test_who_has_died_may_have_asked(talks: Talks) -> None:
    talks.end(talks.begin("q2"))
    talks.die(left_behind(10))

    assert kinds(talks, ALL) == set()


@pytest.mark.parametrize(("session_id", "violations"), [(SESSION, set()), ("other", {"paid twice"})])
def test_a_removal_takes_the_lease_of_who_has_died(talks: Talks, session_id: str, violations: set[str]) -> None:
    talks.die(left_behind(10))
    talks.end_removal(talks.begin_removal(session_id, NOTHING))
    talks.end(talks.begin("q2"))

    assert kinds(talks, ALL) == violations


def test_only_so_many_connections_may_break_as_were_cut() -> None:
    cut = 1
    talk = Talk(NOBODY, may_break=lambda: cut)
    talk.break_off("of the one that died")
    before = list(talk.violations)
    talk.break_off("of another")

    assert (before, [violation.kind for violation in talk.violations]) == ([], ["answer"])
