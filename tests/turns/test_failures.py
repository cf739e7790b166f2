"""What a model does wrong: what was said stays, and nothing is stored half."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared.turns import model as client
from tests.http.client import Client, spoken
from tests.turns.model_server import FakeModel, Script, chunk, whole
from tests.turns.streams import streaming
from tests.turns.talking import HELLO, ask, said

pytestmark = pytest.mark.on_both_stores


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask a model that is busy again at once."""
    monkeypatch.setattr(client, "_pause", lambda _: 0.01)


@contextmanager
def impatient_with(script: Script) -> Iterator[None]:
    """Wait for a model that waits for ever a fraction of a second, and for any other as long as it takes."""
    with pytest.MonkeyPatch.context() as patch:
        if None in script.chunks:
            is_silent = script.chunks[0] is None
            patch.setattr(client, "FIRST_EVENT_SECONDS" if is_silent else "BETWEEN_EVENTS_SECONDS", 0.3)
        yield


SILENT = Script([None])

BROKEN = Script([], breaks_off=True)

FILTERED = Script(status=400, body={"error": {"code": "content_filter", "message": "SECRET WORDS"}})

FAILURES = {
    "silent": (SILENT, 504, "model_timeout"),
    "cut off before it began": (BROKEN, 502, "model_failed"),
    "erroring": (Script(status=500, body={"error": {"message": "SECRET WORDS"}}), 502, "model_failed"),
    "refusing the key": (Script(status=401, body={"error": {"message": "SECRET WORDS"}}), 502, "model_failed"),
    "no JSON": (Script(status=502, body="SECRET WORDS"), 502, "model_failed"),
    "an error in the stream": (Script([{"error": {"message": "SECRET WORDS"}}]), 502, "model_failed"),
    "nonsense in the stream": (Script([b"SECRET WORDS"]), 502, "model_failed"),
    "ending without a reason": (Script([]), 502, "model_failed"),
    "empty": (Script(whole()), 502, "model_failed"),
    "out of tokens before it began": (Script(whole(finish="length")), 502, "model_failed"),
    "filtering what was said": (FILTERED, 422, "content_filtered"),
    "filtering all it would say": (Script(whole(finish="content_filter")), 422, "content_filtered"),
    "busy for long": (Script(status=429, body={}, headers={"Retry-After": "30"}), 429, "model_throttled"),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_model_that_makes_no_reply_stores_none_and_a_repeat_asks_again(
    api: Client, chat: str, model: FakeModel, quick: None, failure: str
) -> None:
    script, status, code = FAILURES[failure]
    model.next(script)

    with impatient_with(script):
        failed = await ask(api, chat)
    stored = await said(api, chat)
    again = await ask(api, chat)

    assert failed.refusal == (status, code)
    assert b"SECRET" not in failed.body
    assert stored == ["Hi"]
    assert (again.status, again.json["reply"]["content"]) == (201, HELLO)
    assert await said(api, chat) == ["Hi", HELLO]
    assert len(model.asked) == 2


async def test_a_busy_model_says_how_long_to_wait(api: Client, chat: str, model: FakeModel) -> None:
    model.next(FAILURES["busy for long"][0])

    assert (await ask(api, chat)).headers["retry-after"] == "30"


@pytest.mark.parametrize("model_settings", [{"timeout_seconds": 2}], indirect=True)
async def test_a_model_that_is_busy_for_longer_than_a_turn_may_last_says_so(
    api: Client, chat: str, model: FakeModel
) -> None:
    model.next(Script(status=429, body={}, headers={"Retry-After": "3"}))

    answer = await ask(api, chat)

    assert (answer.refusal, answer.headers["retry-after"]) == ((429, "model_throttled"), "3")


@pytest.mark.parametrize("status", [429, 503])
async def test_a_model_that_is_busy_for_a_moment_is_asked_again(
    api: Client, chat: str, model: FakeModel, quick: None, status: int
) -> None:
    model.next(Script(status=status, body={}), Script(status=status, body={}))

    answer = await ask(api, chat)

    assert (answer.status, len(model.asked)) == (201, 3)


@pytest.mark.parametrize("model_settings", [{"endpoint": "http://127.0.0.1:1/v1"}], indirect=True)
async def test_a_model_that_is_not_there_is_a_failure(api: Client, chat: str, quick: None) -> None:
    assert (await ask(api, chat)).refusal == (502, "model_failed")
    assert await said(api, chat) == ["Hi"]


BREAKING_OFF = {
    "stalled half-way": (Script([chunk("Half"), None]), "model_timeout"),
    "cut off": (Script([chunk("Half"), None], breaks_off=True), "model_failed"),
    "ending without a reason": (Script([chunk("Half")]), "model_failed"),
    "an error in the stream": (Script([chunk("Half"), {"error": {"code": "overloaded"}}]), "model_failed"),
    "filtered": (Script(whole("Half", finish="content_filter")), "content_filter"),
    "out of tokens": (Script(whole("Half", finish="length")), "length"),
}


@pytest.mark.parametrize("failure", BREAKING_OFF)
async def test_a_reply_that_broke_off_is_the_reply_and_says_why(
    api: Client, chat: str, model: FakeModel, quick: None, failure: str
) -> None:
    script, reason = BREAKING_OFF[failure]
    model.next(script)
    if failure == "cut off":
        model.go_on()

    with impatient_with(script):
        answer = await ask(api, chat)
    again = await ask(api, chat)

    assert (answer.status, answer.json["reply"]["content"]) == (201, "Half")
    assert answer.json["reply"]["metadata"]["reply"]["finish_reason"] == reason
    assert (again.status, again.json["reply"]) == (200, answer.json["reply"])
    assert len(model.asked) == 1


async def test_a_failure_ends_the_events_with_a_problem(api: Client, chat: str, model: FakeModel) -> None:
    model.next(Script(status=500, body={}))

    async with streaming(api, "POST", f"{chat}/turns", spoken("Hi"), x_request_id="mine") as stream:
        events = await stream.all()

    assert [event.name for event in events] == ["turn", "error"]
    problem = events[-1].data
    assert (problem["status"], problem["code"], problem["request_id"]) == (502, "model_failed", "mine")


async def test_a_reply_over_the_limit_ends_there(api: Client, chat: str, model: FakeModel) -> None:
    model.next(Script(whole(*["ü" * 1000] * 600)))

    reply = (await ask(api, chat)).json["reply"]

    assert len(reply["content"].encode()) == 1_048_576
    assert reply["metadata"]["reply"]["finish_reason"] == "length"
