"""Turns that are sent again, made anew or removed while their reply is made: nobody gets another question's reply."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from shared.errors import StoreUnavailableError
from shared.models import Session
from tests.http.client import Answer, Client, contents, spoken
from tests.turns.model_server import FakeModel, Script, chunk, whole
from tests.turns.streams import after, streaming, text_of
from tests.turns.talking import HELLO, ask
from tests.turns.test_instances import SOON, Instance, content_of, has_begun, instances  # noqa: F401 - the fixture

pytestmark = pytest.mark.on_both_stores

UNDER_WAY = Script([chunk("Half of another"), None, *whole(" reply")])


async def under_way(api: Client, chat: str, model: FakeModel, path: str = "turns", **body: Any) -> asyncio.Task[Answer]:
    """Have a reply begun, which waits for the model, and return who waits for it."""
    model.next(UNDER_WAY)
    asking = asyncio.create_task(api.post(f"{chat}/{path}", body))
    await model.waiting.wait()
    model.waiting.clear()
    return asking


def is_told_to(model: FakeModel, text: str) -> bool:
    """Return whether the model was asked this last."""
    return bool(model.asked[-1]["messages"][-1]["content"] == text)


# A question that is not there any more


async def test_a_question_that_was_edited_while_it_was_answered_is_asked_anew(
    api: Client, chat: str, model: FakeModel
) -> None:
    first = await under_way(api, chat, model, **spoken("What?", id="m1"))
    edited = spoken("What now?", id="m1")

    await api.send("PUT", f"{chat}/messages?after=0", {"messages": [edited]})
    answer = await ask(api, chat, content="What now?")

    assert (answer.status, answer.json["reply"]["content"]) == (201, HELLO)
    assert is_told_to(model, "What now?")
    assert (await first).refusal == (404, "message_not_found")
    assert contents(await api.get(f"{chat}/messages?order=asc")) == ["What now?", HELLO]


async def test_who_asked_what_was_cleared_does_not_get_the_reply_to_what_was_said_since_under_its_id(
    api: Client, chat: str, model: FakeModel
) -> None:
    first = await under_way(api, chat, model, **spoken("What?", id="m1"))

    await api.delete(f"{chat}/messages")
    answer = await ask(api, chat, content="Something else")
    model.go_on()

    assert (answer.status, answer.json["reply"]["content"]) == (201, HELLO)
    assert (await first).refusal == (404, "message_not_found")
    assert contents(await api.get(f"{chat}/messages?order=asc")) == ["Something else", HELLO]


async def test_who_asks_where_the_lease_was_lost_waits_for_who_has_it(
    instances: list[Instance],  # noqa: F811
    model: FakeModel,
) -> None:
    here, there = instances
    place = here.session.user_id, here.session.id
    model.next(Script([chunk("Lost"), None]))
    lost = await here.say()
    await has_begun(lost)
    await here.chat.store.end_turn(*place, str(lost.pending.holder))  # as if it had taken too long
    model.next(Script([chunk("Kept"), None, *whole("")]))
    kept = await there.say()
    await has_begun(kept)

    again = await here.say()
    model.go_on()

    async with asyncio.timeout(SOON):
        assert [await content_of(each) for each in (again, kept)] == ["Kept"] * 2
    assert await here.contents() == ["Hi", "Kept"]


@pytest.fixture
def get_once(monkeypatch: pytest.MonkeyPatch) -> Callable[[Instance, object], None]:
    """Have the next look at an instance's session find something else."""

    def replace_next(instance: Instance, found: object) -> None:
        store = instance.chat.store
        get = store.get

        async def once(*place: str) -> Session:
            monkeypatch.setattr(store, "get", get)
            if isinstance(found, Exception):
                raise found
            return (await get(*place)).model_copy(update={"lease": found})

        monkeypatch.setattr(store, "get", once)

    return replace_next


@pytest.mark.parametrize("found", [None, StoreUnavailableError()])
async def test_a_reply_goes_on_though_a_look_at_its_session_finds_no_lease_or_no_store(
    instances: list[Instance],  # noqa: F811
    model: FakeModel,
    get_once: Callable[[Instance, object], None],
    found: object,
) -> None:
    here = instances[0]
    model.next(UNDER_WAY)
    taken = await here.say()
    await model.waiting.wait()

    get_once(here, found)
    joined = await here.look()
    model.go_on()

    assert await content_of(taken) == await content_of(joined) == "Half of another reply"


async def test_a_stop_reaches_whoever_has_the_lease_now(
    instances: list[Instance],  # noqa: F811
    model: FakeModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here, there = instances
    model.next(Script([chunk("Lost"), None]))
    lost = await here.say()
    await has_begun(lost)
    await here.chat.store.end_turn(here.session.user_id, here.session.id, str(lost.pending.holder))
    monkeypatch.setattr("shared.turns.generation.LOOK_SECONDS", 0.05)
    model.next(Script([chunk("Kept"), None, *whole(" and more")]))
    kept = await there.say()
    await has_begun(kept)

    await here.stop()

    async with asyncio.timeout(SOON):
        assert await content_of(kept) == "Kept"


async def test_a_repeat_finds_the_reply_while_another_is_made_elsewhere_and_followed_here(
    instances: list[Instance],  # noqa: F811
    model: FakeModel,
) -> None:
    here, there = instances
    await content_of(await here.say())
    model.next(UNDER_WAY)
    anew = await here.turns.regenerate(here.session.user_id, here.session.id, "m1")
    await model.waiting.wait()
    await there.look()

    again = await there.say()
    model.go_on()

    assert (again.how, await content_of(again)) == ("found", HELLO)
    assert await content_of(anew) == "Half of another reply"


@pytest.mark.parametrize("gone", ["", "/messages"])
async def test_a_turn_whose_question_is_gone_is_nowhere(api: Client, chat: str, model: FakeModel, gone: str) -> None:
    first = await under_way(api, chat, model, **spoken("What?", id="m1"))

    await api.delete(f"{chat}{gone}")

    missing = "message_not_found" if gone else "session_not_found"
    assert (await api.get(f"{chat}/turns/m1")).refusal == (404, missing)
    assert (await api.delete(f"{chat}/turns/m1")).refusal == (404, missing)
    assert (await first).refusal == (404, missing)


# Another reply


async def test_another_reply_that_is_stopped_is_not_mixed_with_the_first(
    api: Client, chat: str, model: FakeModel
) -> None:
    await ask(api, chat)
    model.next(UNDER_WAY)
    async with streaming(api, "POST", f"{chat}/turns/m1/regenerate", {}) as stream:
        events = [await stream.next(), await stream.next()]
        await api.delete(f"{chat}/turns/m1")
        events += await stream.all()

    found = [event for event in events if event]
    turns = [(event.id, event.data["offset"]) for event in found if event.name == "turn"]
    assert turns == [(after(""), 0), (after(""), 0)]
    assert text_of(found) == f"Half of another{HELLO}"
    assert (found[-1].name, found[-1].id, found[-1].data["reply"]["content"]) == ("done", after(HELLO), HELLO)


async def test_who_was_told_half_of_another_reply_is_told_that_the_first_stays(
    api: Client, chat: str, model: FakeModel
) -> None:
    await ask(api, chat)
    model.next(Script([chunk("Half of another")], breaks_off=True))
    assert (await api.post(f"{chat}/turns/m1/regenerate", {})).refusal == (502, "model_failed")

    async with streaming(api, "GET", f"{chat}/turns/m1", last_event_id=after("Half of another")) as stream:
        events = await stream.all()

    assert [event.data["offset"] for event in events if event.name == "turn"] == [15, 0]
    assert text_of(events) == HELLO


async def test_a_repeat_finds_the_reply_while_another_is_made(api: Client, chat: str, model: FakeModel) -> None:
    stored = (await ask(api, chat)).json["reply"]
    anew = await under_way(api, chat, model, "turns/m1/regenerate")

    repeated = await ask(api, chat)
    model.go_on()

    assert (repeated.status, repeated.json["reply"]) == (200, stored)
    assert (await anew).json["reply"]["content"] == "Half of another reply"


async def test_many_who_want_another_reply_at_once_get_the_same(
    instances: list[Instance],  # noqa: F811
    model: FakeModel,
) -> None:
    here = instances[0]
    place = here.session.user_id, here.session.id
    await content_of(await here.say())
    model.next(UNDER_WAY)

    taken = await asyncio.gather(*(here.turns.regenerate(*place, "m1") for _ in range(4)))
    await model.waiting.wait()
    model.go_on()

    assert {await content_of(each) for each in taken} == {"Half of another reply"}
    assert sorted(each.how for each in taken) == ["joined", "joined", "joined", "started"]
    assert len(model.asked) == 2


async def test_a_reply_is_no_question(api: Client, chat: str, model: FakeModel) -> None:
    reply = (await ask(api, chat)).json["reply"]

    answer = await api.post(f"{chat}/turns/{reply['id']}/regenerate", {})

    assert answer.refusal == (422, "validation_failed")
    assert contents(await api.get(f"{chat}/messages?order=asc")) == ["Hi", HELLO]
    assert len(model.asked) == 1


async def test_how_much_was_sent_for_another_reply_does_not_count_the_one_it_replaces(api: Client, chat: str) -> None:
    await ask(api, chat)

    answer = await api.post(f"{chat}/turns/m1/regenerate", {})

    assert answer.json["reply"]["metadata"]["reply"]["history"] == {"messages": 1, "left_out": 0}


# Nothing that a model could answer


@pytest.mark.parametrize(
    "message",
    [
        {"role": "tool", "content": "12:30", "tool_call_id": "c9"},
        {"role": "user", "content": [{"type": "video", "video": "x"}]},
    ],
)
async def test_what_is_nothing_to_a_model_is_not_asked(
    api: Client, chat: str, model: FakeModel, message: dict[str, object]
) -> None:
    answer = await api.post(f"{chat}/turns", {**message, "id": "m1"})

    assert answer.refusal == (422, "validation_failed")
    assert model.asked == []
    assert (await api.get(f"{chat}/turns/m1")).json == {"state": "none", "reply": None}


async def test_a_redacted_question_is_not_answered_anew(api: Client, chat: str, model: FakeModel) -> None:
    stored = (await ask(api, chat)).json["reply"]
    await api.delete(f"{chat}/messages/m1")

    answer = await api.post(f"{chat}/turns/m1/regenerate", {})

    assert answer.refusal == (422, "validation_failed")
    assert (await api.get(f"{chat}/turns/m1")).json["reply"] == stored
    assert len(model.asked) == 1
