"""The client itself, synchronous and asynchronous: requests, pages, refusals and patience."""

import asyncio
import inspect
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from parley_client import AsyncParley, Parley, ParleyError, Patience, UnavailableError
from parley_client.calls import base_url
from parley_client.exchange import retry_after

from tests.clients.conftest import IMPATIENT, contents
from tests.clients.weather import Weather
from tests.cosmos.proxy import answers, drops_answer
from tests.e2e.process import ROOT

NOWHERE = "http://127.0.0.1:9"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
HELLO = {"role": "user", "content": "Hello"}


async def _called(found: Any) -> Any:
    """Return what a verb of either client leads to; pages as lists."""
    if inspect.isawaitable(found):
        return await found
    if hasattr(found, "__aiter__"):
        return [item async for item in found]
    return list(found) if inspect.isgenerator(found) else found


async def _tour(client: Any) -> list[Any]:
    """Use every verb once, and return what was found on the way."""
    session = await _called(client.create_session(session_name="tour", tags=["a"]))
    name = session["id"]
    stored = await _called(
        client.append(name, *({"role": "user", "content": f"word {number}"} for number in range(20)))
    )
    elsewhere = await _called(client.append_anywhere(HELLO, session_id="elsewhere", channel="side"))
    changed = await _called(client.change_session(name, pinned=True))
    message_id = stored["messages"][3]["id"]
    liked = await _called(client.change_message(name, message_id, feedback={"rating": "up"}))
    await _called(client.redact_message(name, stored["messages"][4]["id"]))
    found = [
        stored["message_count"],
        elsewhere["session_id"],
        changed["pinned"],
        liked["feedback"],
        (await _called(client.archive(name)))["status"],
        (await _called(client.restore(name)))["status"],
        contents(await _called(client.messages(name, limit=7)))[:6],
        [each["id"] == name for each in await _called(client.sessions(limit=1, channel="default"))],
        (await _called(client.stats(name)))["by_role"]["user"],
        (await _called(client.read_session(name, limit=1)))["message_count"],
        [hit["message"]["content"] for hit in await _called(client.search("word 1", limit=2))][-1],
        [line["type"] for line in await _called(client.export("elsewhere"))],
        len(await _called(client.export())),
    ]
    found += await _second_half(client, name, stored["messages"][5]["id"])
    await _called(client.clear(name))
    await _called(client.delete_session("elsewhere"))
    return [*found, await _called(client.erase())]


async def _second_half(client: Any, name: str, message_id: str) -> list[Any]:
    put = await _called(client.replace_message(name, message_id, {**HELLO, "raw": "{}"}))
    read = await _called(client.read_message(name, message_id))
    await _called(client.clear(name, after=6, if_match=put["etag"]))
    tail = await _called(client.replace_tail(name, HELLO, after=5))
    link = await _called(client.share(name, up_to_seq=2))
    links = [each["share_id"] == link["share_id"] for each in await _called(client.shares(name))]
    await _called(client.revoke_share(name, link["share_id"]))
    forked = await _called(client.fork(name, 3))
    await _called(client.delete_session(forked["id"], if_match=forked["etag"]))
    return [
        (read["content"], read["raw"], bool(read["edited_at"])),
        [message["seq"] for message in tail["messages"]],
        links,
        forked["message_count"],
        (await _called(client.prompt(name, last=1))),
        (await _called(client.owner_stats(days=1)))["messages"],
        (await _called(client.health()))["status"],
    ]


EVERY_VERB = [
    20, "elsewhere", True, {"rating": "up"}, "archived", "active",
    ["word 0", "word 1", "word 2", "word 3", "", "word 5"], [True], 20, 20, "word 1",
    ["session", "message"], 23,
    ("Hello", "{}", True), [6], [True], 3, {"messages": [HELLO], "left_out": 0}, 7, "ok",
    {"sessions": 1, "messages": 0},
]  # fmt: skip


async def test_every_verb_of_both_clients_does_the_same(url: str, customer: str) -> None:
    with Parley(url, customer) as parley:
        async with AsyncParley(url, customer + "-async") as async_parley:
            assert await _tour(parley) == EVERY_VERB
            assert await _tour(async_parley) == EVERY_VERB


def test_both_clients_have_the_same_verbs_with_the_same_parameters() -> None:
    def verbs(client: type) -> dict[str, list[str]]:
        public = {name: verb for name, verb in inspect.getmembers(client, callable) if not name.startswith("_")}
        return {name: list(inspect.signature(verb).parameters) for name, verb in public.items()}

    assert verbs(Parley) == verbs(AsyncParley)


def test_a_refusal_carries_what_the_problem_document_says(parley: Parley) -> None:
    with pytest.raises(ParleyError) as refused:
        parley.append("unknown", HELLO)

    assert (refused.value.status, refused.value.code) == (404, "session_not_found")
    assert refused.value.request_id
    assert str(refused.value) == "The owner has no session by that id."
    assert not isinstance(refused.value, UnavailableError)


def test_with_an_etag_nothing_is_done_to_a_session_that_has_changed(parley: Parley) -> None:
    first = parley.append_anywhere(HELLO)
    name = first["session_id"]
    parley.append(name, HELLO, if_match=first["etag"])

    for write in (
        lambda: parley.append(name, HELLO, if_match=first["etag"]),
        lambda: parley.append_anywhere(HELLO, session_id=name, if_match=first["etag"]),
        lambda: parley.replace_tail(name, after=0, if_match=first["etag"]),
        lambda: parley.replace_message(name, first["messages"][0]["id"], HELLO, if_match=first["etag"]),
        lambda: parley.clear(name, if_match=first["etag"]),
        lambda: parley.change_session(name, pinned=True, if_match=first["etag"]),
        lambda: parley.archive(name, if_match=first["etag"]),
        lambda: parley.delete_session(name, if_match=first["etag"]),
    ):
        with pytest.raises(ParleyError) as refused:
            write()
        assert refused.value.code == "precondition_failed"
    assert contents(parley.messages(name)) == ["Hello", "Hello"]


def test_a_fork_whose_answer_was_lost_is_not_sent_again(parley: Parley, weather: Weather, customer: str) -> None:
    name = parley.append_anywhere(HELLO)["session_id"]
    weather.on("POST", "/fork", drops_answer)

    with Parley(weather.url, customer) as client, pytest.raises(UnavailableError):
        client.fork(name)

    assert len(list(parley.sessions())) == 2


def test_a_conflict_names_the_messages(parley: Parley) -> None:
    name = parley.append_anywhere({**HELLO, "id": "m1"})["session_id"]

    with pytest.raises(ParleyError) as refused:
        parley.append(name, {**HELLO, "id": "m1", "content": "else"})

    assert (refused.value.code, refused.value.problem["ids"]) == ("message_conflict", ["m1"])


@pytest.mark.parametrize("user", ["Zoë 😀", " padded ", "a b", "名前"])
def test_whatever_a_user_is_called_it_is_that_user(url: str, customer: str, user: str) -> None:
    with Parley(url, customer + user) as parley:
        session = parley.create_session()

    assert session["user_id"] == customer + user


def test_one_client_speaks_for_several_users(parley: Parley, customer: str) -> None:
    parley.speaking_for(customer + "-2").append_anywhere(HELLO)

    assert list(parley.sessions()) == []


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_what_is_no_id_leads_nowhere_else(parley: Parley, name: str) -> None:
    with pytest.raises(ValueError, match="is no id"):
        parley.delete_session(name)


def test_what_is_sent_again_because_its_answer_was_lost_is_done_once(weather: Weather, customer: str) -> None:
    with Parley(weather.url, customer, patience=IMPATIENT) as parley:
        for method, ending in (("POST", "/sessions"), ("POST", "/messages"), ("DELETE", "/gone")):
            weather.on(method, ending, drops_answer)
        session = parley.create_session()
        parley.append(session["id"], HELLO)
        parley.append_anywhere(HELLO, session_id="gone")
        parley.delete_session("gone")

        assert [found["id"] for found in parley.sessions()] == [session["id"]]
        assert contents(parley.messages(session["id"])) == ["Hello"]


@pytest.mark.parametrize("status", [429, 503])
def test_the_time_that_parley_asks_for_is_given(weather: Weather, customer: str, status: int) -> None:
    weather.on("POST", "/sessions", answers(status, retry_after="1"))
    started = time.monotonic()

    with Parley(weather.url, customer) as parley:
        parley.create_session()

    assert time.monotonic() - started >= 1


def test_a_parley_that_asks_for_too_much_time_is_unavailable_at_once(weather: Weather, customer: str) -> None:
    rule = weather.on("POST", "/sessions", answers(503, retry_after="3600"), times=None)

    with Parley(weather.url, customer) as parley, pytest.raises(UnavailableError) as away:
        parley.create_session()

    assert (away.value.retry_after_seconds, away.value.status, rule.met) == (3600, 503, 1)


def test_trying_has_an_end(weather: Weather, customer: str) -> None:
    rule = weather.on_all(answers(503, retry_after="0"))

    with Parley(weather.url, customer, patience=Patience(tries=3)) as parley, pytest.raises(UnavailableError):
        parley.create_session()

    assert rule.met == 3


def test_trying_ends_when_the_time_is_over(customer: str) -> None:
    started = time.monotonic()

    impatient = Patience(tries=1000, seconds=1)
    with Parley(NOWHERE, customer, patience=impatient) as parley, pytest.raises(UnavailableError, match="no answer"):
        parley.create_session()

    assert time.monotonic() - started < 5


async def test_the_asynchronous_client_does_not_block_the_loop_while_it_waits(weather: Weather, customer: str) -> None:
    weather.on("POST", "/sessions", answers(503, retry_after="1"))
    ticks = 0

    async with AsyncParley(weather.url, customer) as parley:
        creating = asyncio.create_task(parley.create_session())
        while not creating.done():
            await asyncio.sleep(0.05)
            ticks += 1

    assert (await creating)["user_id"] == customer
    assert ticks > 5


def test_a_page_of_something_else_is_not_taken_for_an_answer(weather: Weather, customer: str) -> None:
    weather.on_all(answers(200), times=1)

    with Parley(f"{weather.url}/elsewhere", customer) as parley, pytest.raises(ParleyError) as refused:
        list(parley.search("x"))

    assert refused.value.code is None


@pytest.mark.parametrize("given", ["http://h", "http://h/", "http://h/api", "http://h/api/chat", "http://h/api/chat/"])
def test_the_address_may_go_on_to_the_routes(given: str) -> None:
    assert base_url(given) == "http://h"


def test_the_environment_says_where_parley_is(url: str, customer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_URL", url)
    monkeypatch.setenv("PARLEY_FUNCTION_KEY", "secret")

    with Parley(user=customer) as parley:
        assert parley.create_session()["user_id"] == customer
        assert parley._http.here().headers["x-functions-key"] == "secret"
        assert "secret" not in repr(parley)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3), ("0", 0), ("Thu, 01 Jan 2026 00:00:30 GMT", 30), ("Thu, 01 Jan 2020 00:00:00 GMT", 0),
        (None, None), ("", None), ("soon", None), ("-1", None), ("²", None),
    ],
)  # fmt: skip
def test_retry_after_is_a_number_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


IN_PROCESS = """
import asyncio, json, os, signal
from parley_client import AsyncParley, ConversationManager, Parley, ParleyError

with Parley.in_process("me") as parley:
    session = parley.create_session(session_name="Zoë")
    parley.append(session["id"], {"role": "user", "content": "Hello"})
    codes = []
    try:
        list(parley.take_turn(session["id"], {"role": "user", "content": "Are you there?"}))
    except ParleyError as error:
        codes.append(error.code)
    manager = ConversationManager(parley)
    document = manager.create_conversation_document("me", "s")
    manager.add_message_to_conversation(document, "user", "in process")
    saved = manager.save_conversation(document)
    try:
        parley.read_session("unknown")
    except ParleyError as error:
        codes.append(error.code)

async def main():
    async with AsyncParley.in_process("me") as parley:
        return [found["session_name"] async for found in parley.sessions()]

found = asyncio.run(main())
parley = Parley.in_process("me")
parley.create_session()
if not (child := os.fork()):
    signal.alarm(20)
    os._exit(len(list(parley.sessions())))
seen_by_child = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(json.dumps([saved, codes, found, seen_by_child, len(list(parley.sessions()))]))
parley.close()
"""


def test_in_process_the_functions_are_called_without_a_socket_in_a_forked_child_too(tmp_path: Path) -> None:
    path = f"{ROOT / 'clients' / 'python' / 'src'}:{ROOT}"
    no_sockets = "import socket\ndef refuse(*_): raise OSError('no sockets here')\nsocket.socket.connect = refuse\n"

    ended = subprocess.run(
        [sys.executable, "-c", no_sockets + IN_PROCESS],
        env={
            "PYTHONPATH": path,
            "STORE": "sqlite",
            "SQLITE_PATH": str(tmp_path / "parley.db"),
            "MODEL_ENDPOINT": f"{NOWHERE}/v1",
            "MODEL_NAME": "none",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == [True, ["model_failed", "session_not_found"], [None, "Zoë"], 3, 3]
