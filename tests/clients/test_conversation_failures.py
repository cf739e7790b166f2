"""Conversations in bad weather: nothing is lost, nothing is doubled, and nobody waits long."""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from parley_client import ConversationManager, Parley

from tests.clients.conftest import IMPATIENT, contents
from tests.clients.server import serving
from tests.clients.test_conversation_manager import a_document, longer, numbered, others_say, stored
from tests.clients.weather import Weather
from tests.cosmos.proxy import (
    answers,
    carried_out_but_answers,
    delays,
    drops_answer,
    drops_request,
    halves_answer,
    hangs_up_on_answer,
    resets,
)

CLIENT = Path(__file__).parents[2] / "clients" / "python" / "src"
NOWHERE = "http://127.0.0.1:9"
SOON_SECONDS = 20
SLACK_SECONDS = 2.0  # for a machine that does something else


def took(work: Callable[[], object]) -> float:
    """Return how many seconds something takes."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


@pytest.fixture
def nobody() -> Iterator[ConversationManager]:
    """Return a manager whose Parley is not there."""
    with Parley(NOWHERE, patience=IMPATIENT) as client:
        manager = ConversationManager(client, wait_seconds=0.5, capacity=10)
        yield manager
        manager.close(0.0)


@pytest.mark.slow
def test_without_parley_every_call_returns_in_time_and_says_so(nobody: ConversationManager) -> None:
    document = a_document(nobody, "somebody", 1)

    answered = []
    seconds = took(
        lambda: answered.extend(
            [
                nobody.save_conversation(document),
                nobody.get_conversation(document["id"], "somebody"),
                nobody.get_recent_conversations("somebody"),
                nobody.delete_conversation(document["id"], "somebody"),
            ]
        )
    )

    assert answered == [False, None, [], False]
    assert nobody.waiting == 1
    assert seconds < 4 * 0.5 + SLACK_SECONDS


def test_while_parley_is_known_to_be_away_it_is_not_asked(
    manager: ConversationManager, weather: Weather, customer: str
) -> None:
    rule = weather.on_all(answers(503, retry_after="30"))
    document = a_document(manager, customer, 1)

    saved = [manager.save_conversation(longer(manager, document, 1)) for _ in range(20)]

    assert not any(saved)
    assert manager.waiting == 21
    assert rule.met == 1


def test_no_more_wait_than_there_is_room_for_and_the_document_keeps_the_rest(
    nobody: ConversationManager, caplog: pytest.LogCaptureFixture
) -> None:
    nobody.save_conversation(a_document(nobody, "somebody", 25))

    assert nobody.waiting == 10
    assert "no more can" in caplog.text


def test_what_is_no_document_is_logged_and_nothing_is_raised(
    nobody: ConversationManager, caplog: pytest.LogCaptureFixture
) -> None:
    assert nobody.save_conversation({"messages": None}) is False
    assert "a conversation was not saved" in caplog.text


def test_a_manager_that_is_closed_says_what_it_could_not_store(
    nobody: ConversationManager, caplog: pytest.LogCaptureFixture
) -> None:
    nobody.save_conversation(a_document(nobody, "somebody", 3))

    assert nobody.close(0.1) is False
    assert "3 messages were never stored" in caplog.text


def test_what_was_saved_during_an_outage_is_stored_when_parley_is_back(
    manager: ConversationManager, weather: Weather, parley: Parley, customer: str
) -> None:
    document = a_document(manager, customer, 3)
    manager.save_conversation(document)
    weather.down()
    saved = [manager.save_conversation(longer(manager, document, 10)) for _ in range(5)]

    weather.up()

    assert not any(saved)
    assert manager.flush(SOON_SECONDS)
    assert contents(stored(parley, document)) == numbered(53)


def test_nobody_has_to_call_again_for_what_waits(
    manager: ConversationManager, weather: Weather, parley: Parley, customer: str
) -> None:
    document = a_document(manager, customer, 2)
    weather.down()
    manager.save_conversation(document)

    weather.up()
    deadline = time.monotonic() + SOON_SECONDS
    while manager.waiting and time.monotonic() < deadline:
        time.sleep(0.05)

    assert manager.waiting == 0
    assert contents(stored(parley, document)) == numbered(2)


def test_a_parley_that_is_busy_is_asked_again_after_the_time_it_names(
    manager: ConversationManager, weather: Weather, parley: Parley, customer: str
) -> None:
    document = a_document(manager, customer, 1)
    weather.on("POST", "/messages", answers(503, retry_after="1"))

    saved: list[bool] = []
    seconds = took(lambda: saved.append(manager.save_conversation(document)))

    assert saved == [True]
    assert seconds >= 1
    assert contents(stored(parley, document)) == numbered(1)


@pytest.mark.parametrize(
    "act",
    [drops_answer, halves_answer, hangs_up_on_answer, drops_request, resets, carried_out_but_answers(504)],
    ids=["dropped", "halved", "hung-up", "request dropped", "reset", "gateway timeout"],
)
def test_a_save_whose_answers_are_lost_is_stored_once(
    act, manager: ConversationManager, weather: Weather, parley: Parley, customer: str
) -> None:
    document = a_document(manager, customer, 45)
    for method, ending in (("POST", "/sessions"), ("POST", "/messages"), ("POST", "/messages")):
        weather.on(method, ending, act)

    manager.save_conversation(document)

    assert manager.flush(SOON_SECONDS)
    assert contents(stored(parley, document)) == numbered(45)


def test_a_save_that_was_carried_out_long_before_it_is_known_is_not_repeated(
    manager: ConversationManager, weather: Weather, parley: Parley, customer: str
) -> None:
    document = a_document(manager, customer, 1)
    manager.save_conversation(document)
    longer(manager, document, 1)
    rule = weather.on("POST", "/messages", drops_answer, times=None)
    manager.save_conversation(document)
    manager.flush(0.0)
    weather.down()
    assert rule.met
    others_say(parley, document)

    weather.calm()
    weather.up()

    assert manager.flush(SOON_SECONDS)
    assert contents(stored(parley, document)).count("message 1") == 1


@pytest.mark.slow
def test_a_parley_that_hangs_holds_nobody_up(
    manager: ConversationManager, weather: Weather, parley: Parley, customer: str
) -> None:
    document = a_document(manager, customer, 2)
    weather.on_all(delays(6), times=1)

    seconds = took(lambda: manager.save_conversation(document))

    assert seconds < 2 + SLACK_SECONDS
    assert manager.flush(SOON_SECONDS)
    assert contents(stored(parley, document)) == numbered(2)


def test_one_conversation_that_is_refused_keeps_no_other_waiting(
    manager: ConversationManager, weather: Weather, parley: Parley, customer: str
) -> None:
    refused, other = a_document(manager, customer, 1), a_document(manager, customer, 1)
    rule = weather.on("POST", f"/{refused['id']}/messages", answers(500), times=None)

    saved = [manager.save_conversation(refused), manager.save_conversation(other)]
    time.sleep(1)  # it is not asked again all the time

    assert saved == [False, True]
    assert rule.met == 1
    weather.calm()
    assert manager.flush(SOON_SECONDS)
    assert contents(stored(parley, refused)) == numbered(1)


def test_a_conversation_deleted_while_it_waits_does_not_come_back(
    manager: ConversationManager, weather: Weather, parley: Parley, customer: str
) -> None:
    document = a_document(manager, customer, 1)
    manager.save_conversation(document)
    weather.on("POST", "/messages", answers(503), times=None)
    manager.save_conversation(longer(manager, document, 1))

    deleted = manager.delete_conversation(document["id"], customer)

    weather.calm()
    assert deleted is True
    assert manager.flush(SOON_SECONDS)
    assert list(parley.sessions()) == []


@pytest.mark.slow
def test_in_any_weather_each_message_of_many_conversations_is_stored_once_and_in_order(
    manager: ConversationManager, weather: Weather, parley: Parley, customer: str
) -> None:
    chance = random.Random(11)  # noqa: S311 - the same every time
    acts = [drops_answer, drops_request, hangs_up_on_answer, answers(503), answers(429, retry_after="0"), delays(0.3)]
    documents = [a_document(manager, customer) for _ in range(4)]
    slowest: list[float] = []

    def talk(document: dict) -> None:
        save = partial(manager.save_conversation, document)
        slowest.extend(took(lambda: longer(manager, document, 3) and save()) for _ in range(15))

    threads = [threading.Thread(target=talk, args=(document,)) for document in documents]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        weather.on_all(chance.choice(acts), times=chance.randint(1, 3))
        time.sleep(0.02)
    weather.calm()

    assert manager.flush(SOON_SECONDS)
    assert [contents(stored(parley, document)) for document in documents] == [numbered(45)] * 4
    assert max(slowest) < 2 + SLACK_SECONDS


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_process_that_ends_stores_first_what_waits(weather: Weather, parley: Parley, customer: str) -> None:
    weather.on_all(answers(503), times=3)
    script = f"""
from parley_client import ConversationManager
manager = ConversationManager()
document = manager.create_conversation_document({customer!r}, "s")
manager.add_message_to_conversation(document, "user", "the last word")
print(manager.save_conversation(document))
"""

    ended = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(CLIENT), "PARLEY_URL": f"{weather.url}/api/chat"},
        capture_output=True,
        text=True,
        check=True,
        timeout=SOON_SECONDS,
    )

    (session,) = parley.sessions()
    assert ended.stdout == "False\n"
    assert contents(parley.messages(session["id"])) == ["the last word"]


def test_parley_itself_may_end_and_begin_again(tmp_path: Path, customer: str) -> None:
    data = str(tmp_path / "parley.db")
    with serving(SQLITE_PATH=data) as first:
        manager = ConversationManager(Parley(first, patience=IMPATIENT))
        document = a_document(manager, customer, 5)
        manager.save_conversation(document)
    saved = [manager.save_conversation(longer(manager, document, 1)) for _ in range(5)]

    with serving(SQLITE_PATH=data, PORT=first.rpartition(":")[2]) as second, Parley(second, customer) as parley:
        done = manager.flush(SOON_SECONDS)
        found = contents(stored(parley, document))

    manager.close()
    manager._parley.close()
    assert not any(saved)
    assert done
    assert found == numbered(10)
