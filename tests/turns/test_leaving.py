"""Clients that go away with `if_closed=stop`: the reply ends with what there is, wherever it is made."""

import asyncio

import pytest

from shared.http.turn_events import TurnEvents
from tests.turns.model_server import FakeModel, Script, chunk, whole
from tests.turns.test_instances import SOON, Instance, content_of, has_begun, instances  # noqa: F401 - the fixture

pytestmark = pytest.mark.on_both_stores

HALF = Script([chunk("Half"), None, *whole(" whole")])


def followed(taken: object, *, stop: bool) -> TurnEvents:
    return TurnEvents(taken, "request", stop_if_closed=stop)  # type: ignore[arg-type]


async def test_who_leaves_before_the_first_event_stops_it_too(
    instances: list[Instance],  # noqa: F811
    model: FakeModel,
) -> None:
    model.next(HALF)
    taken = await instances[0].say()
    await has_begun(taken)

    await followed(taken, stop=True).aclose()

    assert await content_of(taken) == "Half"


async def test_who_leaves_a_reply_that_is_made_elsewhere_stops_it_there(
    instances: list[Instance],  # noqa: F811
    model: FakeModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.turns.generation.LOOK_SECONDS", 0.05)
    here, there = instances
    model.next(HALF)
    taken = await here.say()
    await has_begun(taken)
    joined = await there.say()

    await followed(joined, stop=True).aclose()

    async with asyncio.timeout(SOON):
        assert await content_of(taken) == "Half"
        assert await content_of(joined) == "Half"


async def test_who_has_left_takes_nothing_from_who_waits_for_another_instance_to_fail(
    instances: list[Instance],  # noqa: F811
    model: FakeModel,
) -> None:
    here, there = instances
    model.next(Script([None], breaks_off=True))
    taken = await here.say()
    await model.waiting.wait()
    patient, other = await there.say(), await there.say()
    waiting = asyncio.create_task(content_of(patient))
    await asyncio.sleep(0)

    await followed(other, stop=True).aclose()
    model.go_on()

    async with asyncio.timeout(SOON):
        assert await waiting == "Hello there."
    assert taken.pending.outcome is not None
    assert await here.contents() == ["Hi", "Hello there."]


async def test_where_everybody_has_left_and_wanted_no_more_nobody_makes_it_anew(
    instances: list[Instance],  # noqa: F811
    model: FakeModel,
) -> None:
    here, there = instances
    model.next(Script([None], breaks_off=True))
    await here.say()
    await model.waiting.wait()
    joined = await there.say()

    await followed(joined, stop=True).aclose()
    model.go_on()

    async with asyncio.timeout(SOON):
        while joined.pending.outcome is None:
            await joined.pending.changed(SOON)
    assert isinstance(joined.pending.outcome, Exception)
    assert len(model.asked) == 1
    assert (await here.chat.store.get(here.session.user_id, here.session.id)).lease is None
