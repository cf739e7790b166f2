"""The history checker finds each kind of violation, and none where there is none."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.chaos.history import Contents, History, Said, Sending


def said(*ids: str) -> list[Said]:
    return [Said(message_id, "user", f"says {message_id}") for message_id in ids]


def stored(*placed: tuple[int, str], **changes: Any) -> list[dict[str, Any]]:
    return [{"seq": seq, "id": name, "role": "user", "content": f"says {name}"} | changes for seq, name in placed]


def found(*placed: tuple[int, str], **changes: Any) -> Contents:
    messages = stored(*placed)
    counted = {"message_count": len(placed), "by_role": {"user": len(placed), "tool": 0}}
    last_seq = placed[-1][0] if placed else 0
    return Contents(**{"messages": messages, "last_seq": last_seq, **counted, **changes})


def acknowledged(history: History, client: str, *placed: tuple[int, str]) -> Sending:
    sending = history.begin(client, said(*(message_id for _, message_id in placed)))
    history.acknowledge(sending, stored(*placed))
    return sending


@pytest.fixture
def history() -> History:
    """Return the record of two clients: a, then b and c at once, then a request of d that nobody answered."""
    recorded = History()
    acknowledged(recorded, "one", (1, "a"))
    first, second = recorded.begin("one", said("b1", "b2")), recorded.begin("two", said("c"))
    recorded.acknowledge(second, stored((2, "c")))
    recorded.acknowledge(first, stored((3, "b1"), (4, "b2")))
    recorded.begin("two", said("d1", "d2"))
    return recorded


ALL = ((1, "a"), (2, "c"), (3, "b1"), (4, "b2"))
UNANSWERED = ((5, "d1"), (6, "d2"))


def kinds(history: History, contents: Contents) -> list[str]:
    return sorted({violation.kind for violation in history.check(contents)})


@pytest.mark.parametrize("more", [(), UNANSWERED], ids=["not stored", "stored"])
def test_what_was_acknowledged_is_there_once_and_what_was_not_may_be(
    history: History, more: Sequence[tuple[int, str]]
) -> None:
    assert history.check(found(*ALL, *more)) == []


def test_an_acknowledged_message_that_is_missing_is_lost(history: History) -> None:
    assert "lost" in kinds(history, found(*ALL[:3]))


def test_an_acknowledged_message_that_is_there_twice_is_doubled(history: History) -> None:
    assert kinds(history, found(*ALL, (5, "c"))) == ["doubled"]


def test_an_unacknowledged_request_that_is_there_twice_is_doubled(history: History) -> None:
    assert kinds(history, found(*ALL, *UNANSWERED, (7, "d1"), (8, "d2"))) == ["doubled unacknowledged"]


def test_half_of_an_unacknowledged_request_is_torn(history: History) -> None:
    assert kinds(history, found(*ALL, (5, "d1"))) == ["torn"]


def test_an_unacknowledged_request_that_is_not_together_is_torn(history: History) -> None:
    acknowledged(history, "three", (6, "e"))

    assert kinds(history, found(*ALL, (5, "d1"), (6, "e"), (7, "d2"))) == ["torn"]


def test_an_acknowledgement_that_is_not_in_a_row_is_torn() -> None:
    history = History()
    acknowledged(history, "one", (1, "a"), (3, "b"))
    acknowledged(history, "two", (2, "c"))

    assert kinds(history, found((1, "a"), (2, "c"), (3, "b"))) == ["order", "torn"]


@pytest.mark.parametrize("client", ["one", "two"])
def test_a_message_behind_one_that_was_sent_after_its_acknowledgement_is_out_of_order(client: str) -> None:
    history = History()
    acknowledged(history, "one", (2, "a"))
    acknowledged(history, client, (1, "b"))

    assert kinds(history, found((1, "b"), (2, "a"))) == ["order"]


def test_an_unanswered_message_before_one_that_was_acknowledged_when_it_was_sent_is_out_of_order(
    history: History,
) -> None:
    placed = [(1, "d1"), (2, "d2"), *((seq + 2, message_id) for seq, message_id in ALL)]

    assert "order" in kinds(history, found(*placed))


def test_messages_sent_at_the_same_time_may_stand_in_either_order() -> None:
    history = History()
    first, second = history.begin("one", said("a")), history.begin("two", said("b"))
    history.acknowledge(first, stored((2, "a")))
    history.acknowledge(second, stored((1, "b")))

    assert history.check(found((1, "b"), (2, "a"))) == []


@pytest.mark.parametrize("counted", [{"message_count": 5}, {"last_seq": 7}, {"by_role": {"user": 3, "tool": 1}}])
def test_a_counter_that_disagrees_with_the_messages_is_told(history: History, counted: dict[str, Any]) -> None:
    assert kinds(history, found(*ALL, **counted)) == ["counter"]


def test_a_hole_in_the_numbers_is_a_gap(history: History) -> None:
    assert kinds(history, found(*ALL, (6, "d1"), (7, "d2"))) == ["gap"]


def test_a_session_that_does_not_begin_at_its_first_number_has_a_gap() -> None:
    history = History()
    history.begin("one", said("a"))

    assert kinds(history, found((2, "a"))) == ["gap"]


def test_a_message_nobody_sent_is_unknown(history: History) -> None:
    assert kinds(history, found(*ALL, (5, "x"))) == ["unknown"]


def test_a_message_that_was_refused_may_not_be_there(history: History) -> None:
    history.refuse(history.sendings[-1])

    assert kinds(history, found(*ALL, *UNANSWERED)) == ["unknown"]


def test_a_message_whose_content_is_another_has_changed(history: History) -> None:
    contents = found(*ALL, messages=[*stored(*ALL[:3]), *stored(ALL[3], content="says something else")])

    assert kinds(history, contents) == ["changed"]


def test_a_message_at_another_place_than_was_acknowledged_has_changed(history: History) -> None:
    assert "changed" in kinds(history, found((1, "a"), (2, "b1"), (3, "b2"), (4, "c")))


def test_a_clear_removes_everything_and_the_numbers_go_on(history: History) -> None:
    history.refuse(history.sendings[-1])
    history.clear()
    acknowledged(history, "one", (5, "e"))

    assert history.check(found((5, "e"))) == []


@pytest.mark.parametrize("placed", [(*ALL, (5, "e")), (ALL[0], (5, "e"))], ids=["all", "one"])
def test_a_cleared_message_that_is_there_is_told(history: History, placed: Sequence[tuple[int, str]]) -> None:
    history.clear()
    acknowledged(history, "one", (5, "e"))

    assert "unknown" in kinds(history, found(*placed))


def test_numbers_that_begin_again_after_a_clear_are_told(history: History) -> None:
    history.clear()
    acknowledged(history, "one", (1, "e"))

    assert "gap" in kinds(history, found((1, "e")))


@pytest.mark.parametrize("placed", [(), ALL], ids=["cleared", "not cleared"])
def test_a_clear_that_nobody_answered_may_have_been_done_or_not(
    history: History, placed: Sequence[tuple[int, str]]
) -> None:
    history.maybe_clear()

    assert history.check(found(*placed, last_seq=4)) == []


@pytest.mark.parametrize(
    "shown",
    [[(1, "a"), (3, "b1")], [(2, "c"), (2, "c")], [(2, "c"), (1, "a")]],
    ids=["a hole", "a double", "another order"],
)
def test_a_read_with_holes_doubles_or_another_order_is_told(history: History, shown: list[tuple[int, str]]) -> None:
    history.show(shown)

    assert kinds(history, found(*ALL)) == ["read"]


def test_a_read_without_what_was_acknowledged_before_it_began_is_told(history: History) -> None:
    history.show(ALL[:3], highest=history.highest, newest=True)

    assert kinds(history, found(*ALL)) == ["read"]


def test_a_read_that_shows_another_message_at_a_place_is_told(history: History) -> None:
    history.show([(1, "a"), (2, "b1")])

    assert kinds(history, found(*ALL)) == ["changed"]


def test_a_read_of_what_is_there_is_in_order(history: History) -> None:
    history.show(ALL[1:], highest=history.highest, newest=True)
    history.show([])

    assert history.check(found(*ALL)) == []


def test_an_acknowledgement_of_something_else_is_told() -> None:
    history = History()
    sending = history.begin("one", said("a", "b"))
    history.acknowledge(sending, stored((1, "a")))

    assert "answer" in kinds(history, found((1, "a")))


def test_what_a_client_met_by_itself_is_told_with_the_rest(history: History) -> None:
    history.note("slow", "31 seconds")

    assert kinds(history, found(*ALL)) == ["slow"]
