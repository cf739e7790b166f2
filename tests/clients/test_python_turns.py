"""Turns through the Python client: told as they come, joined where a stream breaks off, asked and paid for once."""

import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from parley_client import AsyncParley, Parley, ParleyError, Patience, UnavailableError
from parley_client.turns import Following, join_turn, regenerate, take_turn

from tests.clients.conftest import contents
from tests.clients.server import serving
from tests.clients.talking import Cutter, Model, a_model, cutter_before
from tests.clients.weather import weather_before
from tests.cosmos.proxy import answers
from tests.e2e.process import ROOT
from tests.turns.model_server import Script, chunk, whole
from tests.turns.streams import after

HI = {"role": "user", "content": "Hi"}
HELLO = "Hello there."
QUICK = Patience(tries=3)


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    """Run a model that says hello."""
    with a_model() as running:
        yield running


@pytest.fixture(scope="module")
def url(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run Parley with that model."""
    file = str(tmp_path_factory.mktemp("turns") / "parley.db")
    with serving(SQLITE_PATH=file, MODEL_ENDPOINT=model.url, MODEL_NAME="small") as where:
        yield where


@pytest.fixture
def cutter(url: str) -> Iterator[Cutter]:
    """Stand between the client and Parley."""
    with cutter_before(url) as between:
        yield between


@pytest.fixture(params=[Parley, AsyncParley])
def kind(request: pytest.FixtureRequest) -> Any:
    """Name a client: what holds for one holds for both."""
    return request.param


@pytest_asyncio.fixture
async def client(kind: Any, url: str, customer: str) -> AsyncIterator[Any]:
    """Speak to Parley itself."""
    made = kind(url, customer)
    yield made
    await called(made.close())


@pytest_asyncio.fixture
async def far_client(kind: Any, cutter: Cutter, customer: str) -> AsyncIterator[Any]:
    """Speak to Parley through the cutter."""
    made = kind(cutter.url, customer, patience=QUICK)
    yield made
    await called(made.close())


async def called(found: Any) -> Any:
    """Return what a verb of either client leads to; events as a list."""
    if hasattr(found, "__aiter__"):
        return [event async for event in found]
    if inspect.isawaitable(found):
        return await found
    return list(found) if inspect.isgenerator(found) else found


def text_of(events: list[Any]) -> str:
    """Return the text that deltas have brought."""
    return "".join(event["data"]["text"] for event in events if event["type"] == "delta")


async def test_a_turn_is_told_as_it_comes_and_done_is_what_is_stored(client: Any, parley: Parley) -> None:
    events = await called(client.take_turn(None, HI, session_id="s", max_output_tokens=50))

    assert [events[0]["type"], events[0]["id"], events[0]["data"]["how"]] == ["turn", after(""), "started"]
    assert contents(events[0]["data"]["messages"]) == ["Hi"]
    assert text_of(events) == HELLO
    done = events[-1]
    assert (done["type"], done["id"], done["data"]["usage"]) == (
        "done",
        after(HELLO),
        {"input_tokens": 20, "output_tokens": 4},
    )
    assert list(parley.messages("s")) == [*done["data"]["messages"], done["data"]["reply"]]


async def test_a_stream_that_is_cut_is_joined_where_it_was(far_client: Any, cutter: Cutter, model: Model) -> None:
    model.next(Script([chunk("One\u2028"), None, *whole("two ✓ ", "three")]))
    cutter.cut_behind("One\u2028", then=model.go_on)
    cutter.cut_behind("✓")
    before = len(model.asked)

    events = await called(far_client.take_turn(None, HI))

    assert not cutter.cuts
    assert [event["type"] for event in events].count("turn") == 1
    assert text_of(events) == events[-1]["data"]["reply"]["content"] == "One\u2028two ✓ three"
    assert events[-1]["data"]["messages"] == events[0]["data"]["messages"]
    assert len(model.asked) == before + 1


async def test_an_answer_that_is_lost_before_it_begins_is_asked_for_again_under_the_same_ids(
    far_client: Any, cutter: Cutter, parley: Parley, model: Model
) -> None:
    cutter.cut_behind("HTTP/1.1 200")
    before = len(model.asked)

    events = await called(far_client.take_turn(None, HI, session_id="s"))

    assert not cutter.cuts
    assert text_of(events) == HELLO
    assert contents(parley.messages("s")) == ["Hi", HELLO]
    assert len(model.asked) == before + 1


async def test_the_newest_message_is_answered_where_nothing_is_said(
    far_client: Any, cutter: Cutter, parley: Parley, model: Model
) -> None:
    parley.append_anywhere(HI, session_id="s")
    model.next(Script([chunk("One "), None, *whole("two")]))
    cutter.cut_behind('"One ', then=model.go_on)

    events = await called(far_client.take_turn("s"))
    cutter.cut_behind('"One ')
    found = await called(far_client.take_turn("s"))

    assert text_of(events) == text_of(found) == "One two"
    assert found[0]["data"]["how"] == "found"


async def test_what_the_model_fails_at_is_an_error_and_the_same_ids_ask_again(
    client: Any, parley: Parley, model: Model
) -> None:
    model.next(Script(status=500, body={}))

    with pytest.raises(UnavailableError) as failed:
        await called(client.take_turn(None, {**HI, "id": "m1"}, session_id="s"))
    events = await called(client.take_turn("s", {**HI, "id": "m1"}))

    assert (failed.value.status, failed.value.code) == (502, "model_failed")
    assert failed.value.request_id
    assert text_of(events) == HELLO
    assert contents(parley.messages("s")) == ["Hi", HELLO]


async def test_a_turn_that_is_refused_is_told_as_elsewhere(client: Any) -> None:
    with pytest.raises(ParleyError) as refused:
        await called(client.take_turn("unknown", HI))

    assert (refused.value.status, refused.value.code) == (404, "session_not_found")


async def test_a_turn_is_looked_at_joined_stopped_and_made_anew(client: Any, model: Model) -> None:
    model.next(Script([chunk("Half"), None, *whole(" whole")]))
    stream = client.take_turn(None, {**HI, "id": "m1"}, session_id="s")
    for _ in range(2):
        await called(anext(stream) if hasattr(stream, "__anext__") else next(stream))

    running = await called(client.get_turn("s", "m1"))
    await called(client.stop_turn("s", "m1"))
    rest = await called(stream)
    joined = await called(client.join_turn("s", "m1", last_event_id=after("Ha")))
    anew = await called(client.regenerate("s", "m1", max_output_tokens=20))

    assert running == {"state": "running", "reply": None}
    assert rest[-1]["data"]["reply"]["metadata"]["reply"]["finish_reason"] == "stopped"
    assert text_of(joined) == "lf"
    assert joined[-1]["data"] == rest[-1]["data"]
    assert text_of(anew) == HELLO
    assert (await called(client.get_turn("s", "m1")))["reply"] == anew[-1]["data"]["reply"]


async def test_who_leaves_a_turn_stops_it_only_if_asked_to(url: str, customer: str, model: Model) -> None:
    async with AsyncParley(url, customer) as client:
        for session, options in (("finished", {}), ("stopped", {"if_closed": "stop"})):
            model.next(Script([chunk("Half"), None, *whole(" whole")]))
            turn = client.take_turn(None, {**HI, "id": "m1"}, session_id=session, **options)
            async with aclosing(turn) as events:
                async for event in events:
                    if event["type"] == "delta":
                        break
            if session == "finished":
                model.go_on()
        replies = [[event async for event in client.join_turn(name, "m1")][-1] for name in ("finished", "stopped")]

    assert [reply["data"]["reply"]["content"] for reply in replies] == ["Half whole", "Half"]  # type: ignore[typeddict-item]


async def test_a_stream_that_brings_nothing_new_for_ever_is_given_up(far_client: Any, cutter: Cutter) -> None:
    for _ in range(3):
        cutter.cut_behind("text/event-stream")

    with pytest.raises(UnavailableError):
        await called(far_client.take_turn(None, HI))

    assert not cutter.cuts


async def test_what_is_no_stream_is_not_taken_for_one(kind: Any, url: str, customer: str) -> None:
    with weather_before(url) as weather:
        weather.on_all(answers(200))
        client = kind(weather.url, customer)

        with pytest.raises(ParleyError, match="cannot be read"):
            await called(client.take_turn(None, HI))
        await called(client.close())


def test_the_readme_prints_the_reply(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    section = (ROOT / "README.md").read_text("utf-8").partition("\n## A reply in ten lines\n")[2]
    code = section.partition("```python\n")[2].partition("```")[0]
    assert code.count("http://127.0.0.1:7071") == 1

    exec(code.replace("http://127.0.0.1:7071", url), {})  # noqa: S102 - it is our own

    assert capsys.readouterr().out == HELLO


def test_another_reply_is_asked_for_once_and_joined_where_nothing_of_it_came() -> None:
    turn = Following(regenerate("s", "m1", {}), QUICK)
    turn.pause()
    asked = turn.call()
    turn.begin(httpx2.Response(200, headers={"content-type": "text/event-stream"}))
    turn.pause()

    assert (asked.method, asked.path, asked.repeatable) == ("POST", "/api/chat/sessions/s/turns/m1/regenerate", False)
    assert turn.call() == join_turn("s", "m1", None).call


def test_events_are_told_once_they_are_whole_and_the_turn_goes_on_after_the_last() -> None:
    turn = Following(take_turn("s", [{**HI, "id": "m1"}], {}, if_closed="finish"), QUICK)
    begun = b'id: a\nevent: turn\ndata: {"messages":[],"offset":0}\n\n'
    gone_on = b'id: b\nevent: turn\ndata: {"messages":[],"offset":3}\n\n'

    first = list(turn.events_in(begun + b'id: b\r\nevent: delta\r\ndata: {"text":"One"}\r\n\r\n: here\n\nid: c\nev'))
    joined = turn.call()
    rest = list(turn.events_in(b'ent: delta\ndata: {"text":" t"}\n\n'))
    again = list(turn.events_in(gone_on + b'id: d\nevent: delta\ndata: {"text":"wo"}\n\n'))

    assert joined == join_turn("s", "m1", "b").call
    assert text_of(first + rest + again) == "One two"
    assert [event["type"] for event in first + rest + again] == ["turn", "delta", "delta", "delta"]


async def test_where_another_text_takes_the_place_of_what_was_told_the_turn_begins_again(
    client: Any, model: Model
) -> None:
    await called(client.take_turn(None, {**HI, "id": "m1"}, session_id="s"))
    model.next(Script([chunk("Half of another"), None, *whole(" reply")]))
    stream = client.regenerate("s", "m1")
    told = [await called(anext(stream) if hasattr(stream, "__anext__") else next(stream)) for _ in range(2)]

    await called(client.stop_turn("s", "m1"))
    rest = await called(stream)

    assert text_of(told) == "Half of another"
    assert [rest[0]["type"], rest[0]["data"]["offset"], rest[-1]["type"]] == ["turn", 0, "done"]
    assert text_of(rest) == rest[-1]["data"]["reply"]["content"] == HELLO
