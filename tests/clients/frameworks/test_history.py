"""What adapters ask of Parley: saves are all or none, nothing of others is lost, and no failure looks like nothing."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from parley_client import AsyncParley, Parley, ParleyError, session_id_for
from parley_client.exchange import Steps
from parley_client.frameworks.connecting import async_client_for, client_for
from parley_client.frameworks.history import History

from tests.clients.conftest import IMPATIENT, contents
from tests.clients.weather import Weather
from tests.cosmos.proxy import answers, drops_answer

Run = Callable[[Steps[Any]], Any]
SOMEWHERE = "http://127.0.0.1:7071"


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest, weather: Weather, customer: str) -> Iterator[Run]:
    """Carry out steps with either client, each in a loop of its own."""
    if request.param == "async":
        client = AsyncParley(weather.url, customer, patience=IMPATIENT)
        yield lambda steps: asyncio.run(client.carry_out(steps))
    else:
        with Parley(weather.url, customer, patience=IMPATIENT) as parley:
            yield parley.carry_out


def said(*words: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": word} for word in words]


@pytest.mark.parametrize("name", ["plain", "user:42", "a/b", "conv 1", "über", "_x", "x" * 80, "", "\ud83d", "."])
def test_a_conversation_may_have_any_id(run: Run, parley: Parley, name: str) -> None:
    history = History(name, channel="agents")

    assert run(history.read()) == []
    run(history.add(said("a")))
    run(history.add(said("b")))

    assert contents(run(history.read())) == ["a", "b"]
    session = parley.read_session(history.session_id)
    assert session["channel"] == "agents"
    assert name in {session["id"], session["context"].get("original_id", "?").replace("?", "\ud83d")}
    assert session["id"] == session_id_for(name)
    assert name in {session["id"], (session["session_name"] or "").replace("?", "\ud83d")}


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: client_for("", url=SOMEWHERE), ValueError, "empty"),
        (lambda: async_client_for("", url=SOMEWHERE), ValueError, "empty"),
        (lambda: client_for("", Parley(SOMEWHERE, "me")), ValueError, "empty"),
        (lambda: client_for(5, url=SOMEWHERE), TypeError, "user is a str"),  # type: ignore[arg-type]
        (lambda: client_for("me", url="127.0.0.1:7071"), ValueError, "http://"),
        (lambda: client_for("me", AsyncParley(SOMEWHERE, "me")), TypeError, "AsyncParley"),  # type: ignore[arg-type]
        (lambda: async_client_for("me", Parley(SOMEWHERE, "me")), TypeError, "was given Parley"),  # type: ignore[arg-type]
        (lambda: History(UUID(int=0)).session_id, TypeError, "not UUID"),  # type: ignore[arg-type]
        (lambda: next(History("c").read(-1)), ValueError, "-1"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_sent(
    make: Callable[[], object], error: type[Exception], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLEY_USER", "somebody else")

    with pytest.raises(error, match=says):
        make()


def test_the_newest_so_many_come_oldest_first_without_the_redacted(run: Run, parley: Parley) -> None:
    history = History("c")
    stored = run(history.add(said(*map(str, range(205)))))
    parley.redact_message("c", stored[203]["id"])

    assert contents(run(history.read(3))) == ["201", "202", "204"]
    assert contents(run(history.read(203))) == [str(number) for number in range(1, 205) if number != 203]
    assert run(history.read(0)) == []
    assert len(run(history.read())) == 204


def test_more_than_a_request_takes_is_taken_back_when_the_rest_fails(run: Run) -> None:
    history = History("c")
    run(history.add(said("before")))
    messages = [*said(*map(str, range(200))), {"role": "user", "content": 5}]

    with pytest.raises(ParleyError) as refused:
        run(history.add(messages))

    assert refused.value.code == "validation_failed"
    assert contents(run(history.read())) == ["before"]


def test_what_others_wrote_meanwhile_keeps_a_part_from_being_taken_back_and_the_error_says_so(
    parley: Parley,
) -> None:
    history = History("c")
    steps = history.add([*said(*map(str, range(200))), {"role": "user", "content": 5}])
    call = next(steps)
    first = parley.carry_out(iter_of(call))
    refused_call = steps.send(first)
    parley.append("c", *said("theirs"))
    with pytest.raises(ParleyError) as refused:
        parley.carry_out(iter_of(refused_call))
    take_back = steps.throw(refused.value)
    with pytest.raises(ParleyError) as lost:
        parley.carry_out(iter_of(take_back))
    with pytest.raises(ParleyError) as error:
        steps.throw(lost.value)

    assert error.value.__notes__ == ["The first 200 messages are stored and could not be taken back."]
    assert len(list(parley.messages("c"))) == 201


def iter_of(call: Any) -> Steps[Any]:
    """Return steps that are one call."""
    return (yield call)


def test_large_messages_go_in_as_many_requests_as_it_takes(run: Run) -> None:
    words = [str(number) + "x" * 300_000 for number in range(6)]

    run(History("c").add(said(*words)))

    assert contents(run(History("c").read())) == words


def test_pop_takes_the_newest_one_only_when_nobody_has_written_since(run: Run, parley: Parley) -> None:
    history = History("c")
    assert run(history.pop()) is None
    run(history.add(said("a", "b")))
    steps = history.pop()
    read = parley.carry_out(iter_of(next(steps)))
    removal = steps.send(read)
    parley.append("c", *said("theirs"))
    with pytest.raises(ParleyError) as lost:
        parley.carry_out(iter_of(removal))
    again = steps.throw(lost.value)

    assert again.path == "/api/chat/sessions/c"
    assert contents(parley.messages("c")) == ["a", "b", "theirs"]
    assert run(history.pop())["content"] == "theirs"


def test_pop_takes_one_also_when_the_answer_is_lost(run: Run, parley: Parley, weather: Weather) -> None:
    history = History("c")
    run(history.add(said("a", "b")))
    weather.on("DELETE", "/messages", drops_answer)

    assert run(history.pop())["content"] == "b"
    assert contents(parley.messages("c")) == ["a"]


def test_a_tail_is_replaced_also_where_nothing_is_and_beyond_one_request(run: Run) -> None:
    history = History("c")
    run(history.replace(said("a", "b", "c")))
    run(history.replace(said("x"), after=1))
    assert contents(run(history.read())) == ["a", "x"]

    run(history.replace(said(*map(str, range(201)))))
    assert contents(run(history.read())) == [str(number) for number in range(201)]
    run(history.replace([]))
    assert run(history.read()) == []


def test_an_archived_session_goes_on_with_all_it_has(run: Run, parley: Parley) -> None:
    history = History("c")
    run(history.add(said("a")))
    parley.archive("c")

    assert contents(run(history.read())) == ["a"]
    run(history.add(said("b")))
    assert contents(run(history.read())) == ["a", "b"]


@pytest.mark.parametrize("steps", [History("c").read, History("c").pop, lambda: History("c").add(said("a"))])
@pytest.mark.parametrize("status", [500, 404])  # 404 without a problem document is no word of Parley's
def test_a_store_that_fails_is_no_empty_history(run: Run, weather: Weather, steps: Any, status: int) -> None:
    weather.on_all(answers(status))

    with pytest.raises(ParleyError):
        run(steps())


def test_clear_keeps_the_session_and_delete_does_not(run: Run, parley: Parley) -> None:
    history = History("c")
    run(history.add(said("a", "b")))
    run(history.clear(after=1))
    assert contents(parley.messages("c")) == ["a"]
    run(history.clear())
    assert parley.read_session("c")["message_count"] == 0
    run(history.delete())
    run(history.delete())
    run(history.clear())
    assert list(parley.sessions()) == []


def test_adapters_of_one_place_share_its_connections(monkeypatch: pytest.MonkeyPatch, url: str, customer: str) -> None:
    monkeypatch.setenv("PARLEY_URL", url)
    monkeypatch.setenv("PARLEY_USER", customer)

    first, second = client_for(None), client_for(customer + "/2", url=url)
    first.append_anywhere(*said("a"))

    assert first._http is second._http
    assert [session["user_id"] for session in first.sessions()] == [customer]
    assert second.create_session()["user_id"].startswith("h-")
    assert async_client_for(None)._http is async_client_for("x", url=url)._http
    first.close()
