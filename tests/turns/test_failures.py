"""What goes wrong between something said and its reply: what was said stays, and nothing is stored half."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from shared.errors import StoreThrottledError
from shared.http.turn_events import Place
from shared.models import ReplyUsage
from shared.store.port import SessionStore
from shared.turns import maker
from shared.turns import model as client
from tests.http.client import Answer, Client, a_session, contents, spoken
from tests.turns.model_server import REPLY, USAGE, FakeModel, Script, chunk, whole
from tests.turns.streams import Stream, streaming, text_of

pytestmark = pytest.mark.on_both_stores

SESSIONS = "/api/chat/sessions"
HELLO = "".join(REPLY)


@pytest.fixture
async def chat(api: Client) -> str:
    """Name a session by its path."""
    return f"{SESSIONS}/{(await a_session(api))['id']}"


async def said(api: Client, chat: str) -> list[object]:
    """Return what the messages of a session say."""
    return contents(await api.get(f"{chat}/messages?order=asc"))


async def ask(api: Client, chat: str, **fields: Any) -> Answer:
    return await api.post(f"{chat}/turns", spoken("Hi", id="m1", **fields))


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


async def test_a_model_that_is_busy_for_longer_than_a_turn_may_last_says_so(
    api: Client, chat: str, model: FakeModel
) -> None:
    object.__setattr__(_settings_of(api), "timeout_seconds", 2)
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


async def test_a_model_that_is_not_there_is_a_failure(api: Client, chat: str, model: FakeModel, quick: None) -> None:
    object.__setattr__(_settings_of(api), "endpoint", "http://127.0.0.1:1/v1")

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


async def begun(api: Client, chat: str, model: FakeModel, stream: Stream) -> None:
    """Return when the reply has begun, and the model waits."""
    assert await stream.next()
    assert await stream.next()
    await model.waiting.wait()


MEANWHILE = {
    "deleted": ("DELETE", "", None, (404, "session_not_found")),
    "archived": ("POST", "/archive", {}, (409, "session_archived")),
    "cleared": ("DELETE", "/messages", None, (404, "message_not_found")),
    "rewound": ("DELETE", "/messages?after=0", None, (404, "message_not_found")),
    "replaced": ("PUT", "/messages?after=0", {"messages": [spoken("Other")]}, (404, "message_not_found")),
}


@pytest.mark.parametrize("change", MEANWHILE)
async def test_a_reply_to_what_is_gone_is_not_stored(api: Client, chat: str, model: FakeModel, change: str) -> None:
    method, path, body, refusal = MEANWHILE[change]
    model.next(Script([chunk("Half"), None, *whole("Rest")]))

    async with streaming(api, "POST", f"{chat}/turns", spoken("Hi", id="m1")) as stream:
        await begun(api, chat, model, stream)
        await api.send(method, chat + path, b"" if body is None else body)
        model.go_on()
        last = (await stream.all())[-1]

    assert (last.name, last.data["status"], last.data["code"]) == ("error", *refusal)
    if change != "deleted":
        assert await said(api, chat) == {"archived": ["Hi"], "replaced": ["Other"]}.get(change, [])


async def test_what_others_say_meanwhile_comes_before_the_reply(api: Client, chat: str, model: FakeModel) -> None:
    model.next(Script([chunk("Half"), None, *whole("Rest")]))

    async with streaming(api, "POST", f"{chat}/turns", spoken("Hi", id="m1")) as stream:
        await begun(api, chat, model, stream)
        await api.post(f"{chat}/messages", spoken("And you?"))
        model.go_on()
        await stream.all()

    assert await said(api, chat) == ["Hi", "And you?", "HalfRest"]


async def test_another_turn_meanwhile_is_refused(api: Client, chat: str, model: FakeModel) -> None:
    model.next(Script([chunk("Half"), None, *whole("Rest")]))

    async with streaming(api, "POST", f"{chat}/turns", spoken("Hi", id="m1")) as stream:
        await begun(api, chat, model, stream)
        other = await api.post(f"{chat}/turns", spoken("Other", id="m2"))
        model.go_on()
        await stream.all()

    assert other.refusal == (409, "turn_in_progress")
    assert 1 <= int(other.headers["retry-after"]) <= 5
    assert await said(api, chat) == ["Hi", "HalfRest"]


async def test_five_at_once_get_one_reply(api: Client, chat: str, model: FakeModel) -> None:
    answers = await asyncio.gather(*(ask(api, chat) for _ in range(5)))

    assert {answer.status for answer in answers} <= {200, 201}
    assert len({answer.json["reply"]["id"] for answer in answers}) == 1
    assert await said(api, chat) == ["Hi", HELLO]
    assert len(model.asked) == 1


async def test_a_client_that_goes_away_stops_nothing(api: Client, chat: str, model: FakeModel) -> None:
    model.next(Script([chunk("Half"), None, *whole("Rest")]))
    async with streaming(api, "POST", f"{chat}/turns", spoken("Hi", id="m1")) as stream:
        await begun(api, chat, model, stream)
    model.go_on()

    answer = await ask(api, chat)

    assert answer.json["reply"]["content"] == "HalfRest"
    assert answer.json["reply"]["metadata"]["reply"]["finish_reason"] == "stop"
    assert len(model.asked) == 1


async def test_a_client_may_have_the_reply_end_when_it_goes(api: Client, chat: str, model: FakeModel) -> None:
    model.next(Script([chunk("Half"), None, *whole("Rest")]))
    async with streaming(api, "POST", f"{chat}/turns?if_closed=stop", spoken("Hi", id="m1")) as stream:
        await begun(api, chat, model, stream)

    answer = await ask(api, chat)

    assert answer.json["reply"]["content"] == "Half"
    assert answer.json["reply"]["metadata"]["reply"]["finish_reason"] == "stopped"


async def test_a_paid_reply_is_stored_again_where_the_store_is_busy(
    api: Client, chat: str, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maker, "STORE_PAUSES", (0, 0))
    _throttle_replies(store, monkeypatch, times=2)

    answer = await ask(api, chat)

    assert answer.status == 201
    assert (await store.owner_stats(str(api.user), [])).usage == ReplyUsage(
        replies=1, input_tokens=USAGE["prompt_tokens"], output_tokens=USAGE["completion_tokens"]
    )


async def test_where_the_store_stays_busy_the_turn_can_be_sent_again(
    api: Client, chat: str, store: SessionStore, model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maker, "STORE_PAUSES", (0,))
    _throttle_replies(store, monkeypatch, times=2)

    failed = await ask(api, chat)
    again = await ask(api, chat)

    assert failed.refusal == (429, "throttled")
    assert again.status == 201
    assert await said(api, chat) == ["Hi", HELLO]


def _throttle_replies(store: SessionStore, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    append, left = store.append, [None] * times

    async def throttled(user_id: str, session_id: str, messages: Any, *rest: Any, **options: Any) -> Any:
        if messages[0].role == "assistant" and left:
            left.pop()
            raise StoreThrottledError(0)
        return await append(user_id, session_id, messages, *rest, **options)

    monkeypatch.setattr(store, "append", throttled)


def _settings_of(_api: Client) -> Any:
    import function_app  # noqa: PLC0415 - it is imported with settings of the tests

    return function_app.chat.settings.model


async def test_an_unfinished_reply_can_be_stopped(api: Client, chat: str, model: FakeModel) -> None:
    model.next(Script([chunk("Half"), None, *whole("Rest")]))

    async with streaming(api, "POST", f"{chat}/turns", spoken("Hi", id="m1")) as stream:
        await begun(api, chat, model, stream)
        stopped = await api.delete(f"{chat}/turns/m1")
        events = await stream.all()
    over = await api.delete(f"{chat}/turns/m1")

    assert (stopped.status, over.status) == (204, 204)
    assert events[-1].data["reply"]["content"] == "Half"
    assert events[-1].data["reply"]["metadata"]["reply"]["finish_reason"] == "stopped"
    assert (await ask(api, chat)).json["reply"]["content"] == "Half"


async def test_a_reply_that_is_stopped_before_its_first_word_is_empty(api: Client, chat: str, model: FakeModel) -> None:
    model.next(Script([None]))
    asking = asyncio.create_task(ask(api, chat))
    await model.waiting.wait()

    await api.delete(f"{chat}/turns/m1")

    assert (await asking).json["reply"]["content"] == ""
    await api.post(f"{chat}/turns", spoken("Next"))
    assert [message["content"] for message in model.asked[-1]["messages"]] == ["Hi", "Next"]


async def test_a_stop_of_nothing_is_told_apart(api: Client, chat: str) -> None:
    await api.post(f"{chat}/messages", spoken("Hi", id="m1"))

    assert (await api.delete(f"{chat}/turns/m1")).status == 204
    assert (await api.delete(f"{chat}/turns/never")).refusal == (404, "message_not_found")
    assert (await api.delete(f"{SESSIONS}/never/turns/m1")).refusal == (404, "session_not_found")


async def test_text_and_events_agree(api: Client, chat: str) -> None:
    async with streaming(api, "POST", f"{chat}/turns", spoken("Hi", id="m1")) as stream:
        events = await stream.all()

    assert text_of(events) == events[-1].data["reply"]["content"]
    told = [Place.named(event.id).characters for event in events]
    assert told == sorted(told)
