"""The asynchronous clients in one loop after another, and in several."""

import asyncio
import threading
import time

import pytest
from parley_client import AsyncParley, DatabaseService, Parley

from tests.clients.conftest import IMPATIENT, contents
from tests.clients.weather import Weather
from tests.cosmos.proxy import answers

pytestmark = pytest.mark.parametrize("store_name", ["sqlite"], indirect=True)  # the store has no part in it
HELLO = {"session_id": "s", "message_type": "user", "content": "Hello"}
SOON_SECONDS = 10


@pytest.fixture
def async_parley(weather: Weather, customer: str) -> AsyncParley:
    """Return a client that belongs to no loop yet."""
    return AsyncParley(weather.url, customer, patience=IMPATIENT)


def all_hung_up(weather: Weather) -> bool:
    """Return whether soon nobody is connected any more."""
    deadline = time.monotonic() + SOON_SECONDS
    while weather.connected and time.monotonic() < deadline:
        time.sleep(0.01)
    return not weather.connected


async def twice(async_parley: AsyncParley) -> list[str]:
    """Create two sessions, one after the other."""
    return [(await async_parley.create_session())["id"] for _ in range(2)]


def test_each_run_has_connections_of_its_own_which_end_with_it(
    async_parley: AsyncParley, weather: Weather, parley: Parley
) -> None:
    made = [*asyncio.run(twice(async_parley)), *asyncio.run(twice(async_parley))]

    assert sorted(session["id"] for session in parley.sessions()) == sorted(made)
    assert weather.connections == 2
    assert all_hung_up(weather)


def test_loops_of_several_threads_use_one_client_at_the_same_time(async_parley: AsyncParley, parley: Parley) -> None:
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.extend(asyncio.run(twice(async_parley)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({*made}) == 8
    assert {session["id"] for session in parley.sessions()} == {*made}


def test_a_client_is_closed_in_another_loop_than_it_was_used_in(async_parley: AsyncParley, weather: Weather) -> None:
    resting = asyncio.new_event_loop()
    resting.run_until_complete(twice(async_parley))

    asyncio.run(async_parley.close())

    resting.run_until_complete(asyncio.sleep(0.01))  # it hangs up as soon as it runs again
    assert all_hung_up(weather)
    resting.run_until_complete(resting.shutdown_asyncgens())
    resting.close()


def test_a_client_may_be_entered_again(async_parley: AsyncParley) -> None:
    async def visit() -> int:
        async with async_parley as client:
            return len(await twice(client))

    assert [asyncio.run(visit()), asyncio.run(visit())] == [2, 2]


def test_a_service_logs_in_one_run_after_another_and_says_so(async_parley: AsyncParley, customer: str) -> None:
    service = DatabaseService(async_parley, user=customer, strict=True)

    logged = [asyncio.run(service.log_conversation(HELLO)) for _ in range(2)]

    assert logged == [True, True]
    assert contents(asyncio.run(service.get_conversation_logs("s"))) == ["Hello", "Hello"]
    asyncio.run(service.close())


async def test_whatever_goes_wrong_is_logged_and_read_as_nothing(
    async_parley: AsyncParley, weather: Weather, customer: str, caplog: pytest.LogCaptureFixture
) -> None:
    service = DatabaseService(async_parley, user=customer)
    await service.log_conversation(HELLO)
    weather.on_all(answers(200))  # something else than Parley, which speaks JSON too

    assert await service.get_conversation_log_document("s") is None
    assert (await service.get_conversation_stats("s"))["message_count"] == 0
    assert caplog.text.count("a conversation was not read") == 1
    await async_parley.close()
