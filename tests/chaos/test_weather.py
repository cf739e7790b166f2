"""The weather strikes as often as it says, and in ways that outlast retries."""

import asyncio
from unittest.mock import Mock

import pytest
from typing_extensions import override

from tests.chaos.weather import LANDS_LATE, Weather, faults
from tests.cosmos.proxy import Broken, Exchange, Request, Response

REQUESTS = 20_000
NOBODY = Mock()


async def nothing(_exchange: object) -> None:
    await asyncio.sleep(0)


class Forwarded(Exchange):
    """An exchange without a network, whose requests are all carried out."""

    @override
    async def forward(self) -> Response:
        return Response(200)

    @override
    async def send(self, wire: bytes) -> None:
        assert wire


def exchange(number: int) -> Exchange:
    request = Request("PATCH", f"/dbs/d/colls/c/docs/s{number % 5}", {}, str(number).encode())
    return Forwarded(request, ("127.0.0.1", 0), NOBODY)


@pytest.fixture
def weather(monkeypatch: pytest.MonkeyPatch) -> Weather:
    """Return weather whose faults are only counted."""
    monkeypatch.setattr("tests.chaos.weather.faults", lambda _seconds: dict.fromkeys(faults(1), nothing))
    return Weather(7, 0.05, timeout_seconds=1, may_land_late=lambda request: request.target.endswith("s1"))


async def test_about_one_request_in_twenty_meets_a_fault_and_each_kind_its_share(weather: Weather) -> None:
    for number in range(REQUESTS):
        await weather.act(exchange(number // 3))

    assert 0.03 < weather.met.total() / REQUESTS < 0.07
    assert weather.met.keys() == faults(1).keys()


async def test_only_the_requests_that_may_land_late_do(weather: Weather) -> None:
    for number in range(REQUESTS):
        await weather.act(exchange(number * 5))

    assert LANDS_LATE not in weather.met
    assert weather.met.total() > 0


async def test_a_stubborn_fault_strikes_every_repetition_of_a_request(weather: Weather) -> None:
    streak = longest = 0
    for number in range(REQUESTS):
        before = weather.met.total()
        await weather.act(exchange(number // 20 * 5))
        streak = streak + 1 if weather.met.total() > before else 0
        longest = max(longest, streak)

    assert longest >= 6


async def test_the_same_seed_brings_the_same_weather(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.chaos.weather.faults", lambda _seconds: dict.fromkeys(faults(1), nothing))
    first, second = (Weather(3, 0.05, timeout_seconds=1) for _ in range(2))

    for number in range(1_000):
        await first.act(exchange(number))
        await second.act(exchange(number))

    assert first.met == second.met


async def test_settled_weather_is_calm(weather: Weather) -> None:
    for number in range(REQUESTS // 10):
        await weather.act(exchange(number))
    await weather.settle()
    before = weather.met.total()

    for number in range(REQUESTS // 10):
        await weather.act(exchange(number))

    assert weather.met.total() == before


async def test_settling_waits_for_what_may_still_land() -> None:
    weather = Weather(1, 1.0, timeout_seconds=0.1)
    under_way = [asyncio.create_task(weather.act(exchange(number))) for number in range(40)]
    await asyncio.sleep(0)

    await weather.settle()

    assert all(task.done() for task in under_way)
    await asyncio.gather(*under_way, return_exceptions=True)
    assert any(isinstance(task.exception(), Broken) for task in under_way)
