"""What endpoints answer beside the usual: cut calls, missing ends, odd chunks, and ways that lead elsewhere."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from tests.http.client import Client, a_session, spoken
from tests.turns.model_server import USAGE, FakeModel, Script, chunk, whole


@pytest.fixture
async def turns(api: Client) -> str:
    """Name the turns of a session by their path."""
    return f"/api/chat/sessions/{(await a_session(api))['id']}/turns"


def calling(name: str, arguments: str, *, index: Any = 0, call_id: str = "c1") -> Any:
    """Return a chunk with (a piece of) a call."""
    told = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
    return chunk(delta={"tool_calls": [{**told, **({} if index is None else {"index": index})}]})


def ended(reason: str) -> list[Any]:
    """Return the last chunks of a reply."""
    return [chunk(finish_reason=reason), {"choices": [], "usage": USAGE}]


@pytest.mark.parametrize("reason", ["length", "content_filter"])
async def test_of_calls_that_were_cut_off_the_whole_ones_are_kept(
    api: Client, turns: str, model: FakeModel, reason: str
) -> None:
    calls = [
        calling("a", "{}"),
        calling("b", '{"x": 1}', index=1, call_id="c2"),
        calling("c", '{"x', index=2, call_id="c3"),
    ]
    model.next(Script([chunk("Look: "), *calls, *ended(reason)]))

    reply = (await api.post(turns, spoken("Hi"))).json["reply"]

    assert reply["content"] == "Look: "
    assert [call["function"]["name"] for call in reply["function_calls"]] == ["a", "b"]
    assert reply["metadata"]["reply"]["finish_reason"] == reason


@pytest.mark.parametrize(
    ("reason", "refusal"), [("length", (502, "model_failed")), ("content_filter", (422, "content_filtered"))]
)
async def test_a_call_that_the_limit_cut_off_is_no_reply(
    api: Client, turns: str, model: FakeModel, reason: str, refusal: tuple[int, str]
) -> None:
    model.next(Script([calling("a", '{"x'), *ended(reason)]))

    assert (await api.post(turns, spoken("Hi"))).refusal == refusal


@pytest.mark.parametrize("index", [0, None, "0"])
async def test_calls_are_told_apart_by_their_ids_too(api: Client, turns: str, model: FakeModel, index: object) -> None:
    calls = [calling("a", '{"x": 1}', index=index), calling("b", '{"x": 2}', index=index, call_id="c2")]
    model.next(Script([*calls, *ended("tool_calls")]))

    reply = (await api.post(turns, spoken("Hi"))).json["reply"]

    assert [(call["id"], call["function"]["arguments"]) for call in reply["function_calls"]] == [
        ("c1", '{"x": 1}'),
        ("c2", '{"x": 2}'),
    ]


async def test_the_pieces_of_a_call_are_put_together(api: Client, turns: str, model: FakeModel) -> None:
    pieces = [calling("a", '{"x"'), calling("", ": ", call_id=""), calling("", "1}")]
    model.next(Script([*pieces, *ended("tool_calls")]))

    (call,) = (await api.post(turns, spoken("Hi"))).json["reply"]["function_calls"]

    assert call == {"id": "c1", "type": "function", "function": {"name": "a", "arguments": '{"x": 1}'}}


PIECES = {
    "another id after the first piece": [
        calling("a", ""),
        calling("", '{"x": ', call_id="B"),
        calling("", "1}", call_id="B"),
    ],
    "another id and the name in each": [
        calling("a", ""),
        calling("a", '{"x": ', call_id="B"),
        calling("a", "1}", call_id="C"),
    ],
    "no index": [calling("a", '{"x"', index=None), calling("", ": 1}", index=None)],
    "no index nor id after the first": [calling("a", '{"x"', index=None), calling("", ": 1}", index=None, call_id="")],
}


@pytest.mark.parametrize("pieces", PIECES)
async def test_the_pieces_of_a_call_are_put_together_however_they_are_named(
    api: Client, turns: str, model: FakeModel, pieces: str
) -> None:
    model.next(Script([*PIECES[pieces], *ended("tool_calls")]))

    calls = (await api.post(turns, spoken("Hi"))).json["reply"]["function_calls"]

    assert [(call["id"], call["function"]) for call in calls] == [("c1", {"name": "a", "arguments": '{"x": 1}'})]


async def test_arguments_of_no_call_are_no_reply(api: Client, turns: str, model: FakeModel) -> None:
    model.next(Script([calling("", '{"x": 1}'), *ended("tool_calls")]))

    assert (await api.post(turns, spoken("Hi"))).refusal == (502, "model_failed")


@pytest.mark.parametrize("path", ["", "/m1/regenerate"])
async def test_a_reply_that_has_ended_is_whole_though_its_connection_breaks(
    api: Client, turns: str, model: FakeModel, path: str
) -> None:
    if path:
        await api.post(turns, spoken("Hi", id="m1"))
    model.next(Script([*whole("All", " of it")[:-1]], breaks_off=True))

    answer = await api.post(f"{turns}{path}", {} if path else spoken("Hi", id="m1"))

    assert (answer.status, answer.json["reply"]["content"]) == (200 if path else 201, "All of it")
    assert answer.json["reply"]["metadata"]["reply"]["finish_reason"] == "stop"
    assert answer.json["usage"] == {"input_tokens": None, "output_tokens": None}


async def test_the_last_event_needs_no_end_of_line(api: Client, turns: str, model: FakeModel) -> None:
    model.next(Script([chunk("All"), *ended("stop")], ends_with_done=False, ends_with_newline=False))

    answer = await api.post(turns, spoken("Hi"))

    assert (answer.json["reply"]["content"], answer.json["usage"]["input_tokens"]) == ("All", USAGE["prompt_tokens"])


@pytest.mark.parametrize(
    "odd",
    [
        chunk(delta={"tool_calls": 5}),
        chunk(delta={"tool_calls": [5]}),
        chunk(delta=[]),
        chunk(finish_reason="\ud800"),
        {"choices": 5, "model": "\ud800", "usage": []},
        [],
    ],
)
async def test_a_chunk_that_is_not_as_the_api_has_it_counts_for_nothing(
    api: Client, turns: str, model: FakeModel, odd: object
) -> None:
    model.next(Script([chunk("All"), odd, *whole(" of it")]))

    answer = await api.post(turns, spoken("Hi"))

    assert (answer.status, answer.json["reply"]["content"]) == (201, "All of it")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_what_was_said_goes_nowhere_but_to_the_endpoint_that_is_set(
    api: Client, turns: str, model: FakeModel, other_host: "OtherHost", status: int
) -> None:
    model.next(Script(status=status, headers={"Location": other_host.url}))

    assert (await api.post(turns, spoken("Hi"))).refusal == (502, "model_failed")
    assert other_host.asked == 0


class OtherHost:
    """Counts what arrives there."""

    def __init__(self) -> None:
        self.url, self.asked = "", 0

    async def answer(self, _: web.Request) -> web.Response:
        """Answer anything."""
        self.asked += 1
        return web.Response(text="data: [DONE]\n\n", content_type="text/event-stream")


@pytest.fixture
async def other_host() -> AsyncIterator[OtherHost]:
    """Serve another host."""
    host = OtherHost()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", host.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/chat/completions"
    yield host
    await runner.cleanup()


async def test_each_question_has_a_connection_of_its_own(api: Client, turns: str, model: FakeModel) -> None:
    for number in range(3):
        await api.post(turns, spoken("Hi", id=f"m{number}"))

    assert len(set(model.peers)) == 3
