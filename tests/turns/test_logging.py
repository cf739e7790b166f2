"""What the logs tell of turns: numbers, and nothing that was said."""

import asyncio
import json
import logging
from typing import Any

import pytest

from shared.store.port import SessionStore
from shared.turns import generation
from tests.http.client import Client, spoken
from tests.talkative import everything_in
from tests.turns.model_server import FakeModel, Script, calling, chunk, whole
from tests.turns.streams import streaming

NUMBERS = {"input_tokens", "output_tokens", "milliseconds"}


async def test_a_streamed_reply_has_its_line_when_the_last_of_it_is_sent_and_its_turn_another(
    api: Client, chat: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async with streaming(api, "POST", f"{chat}/turns", spoken("Hi", id="m1")) as stream:
        sent = await stream.response.read()

    while not any("take_turn" in message for message in caplog.messages):
        await asyncio.sleep(0.01)  # until the host has closed the stream
    told = [json.loads(message) for message in caplog.messages if message.startswith('{"event": ')]
    (line,) = [each for each in told if each["event"] == "request" and each["route"] == "take_turn"]
    (turn,) = [each for each in told if each["event"] == "turn"]
    assert (line["status"], line["bytes_out"]) == (200, len(sent))
    assert (turn["ended"], turn["request_id"]) == ("answered", line["request_id"])
    assert turn.keys() <= {"event", "request_id", "ended", "instance", "version", *NUMBERS}


LOGGERS = ("", "aiohttp", "asyncio", "shared", "parley", "azure.functions")
TOOLS = [{"type": "function", "function": {"name": "trains", "description": "WORDS of a tool"}}]


@pytest.fixture
def model_settings() -> dict[str, Any]:
    return {
        "instructions": "WORDS of the deployment",
        "channel_instructions": {"web": "WORDS of the channel"},
        "caller_may_set": frozenset({"instructions", "tools"}),
    }


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Log all that anybody has to say."""
    for name in LOGGERS:
        caplog.set_level(logging.DEBUG, name)
    return caplog


def require_discreet(log: pytest.LogCaptureFixture, *secrets: str) -> None:
    """Let a test fail whose log holds a word, the key, or one of these; errors' own texts are part of it."""
    logged = f"{everything_in(log.records)}\n{log.text}"
    assert '"event": "turn"' in logged
    assert [secret for secret in ("WORDS", "sk-very", *secrets) if secret in logged] == []


async def says(api: Client, chat: str, *, streams: bool, number: int) -> None:
    """Say something with all that a request may set, and take the reply to its end."""
    body = {**spoken("WORDS asked", id=f"m{number}"), "instructions": "WORDS of the request", "tools": TOOLS}
    if not streams:
        await api.post(f"{chat}/turns", body)
        return
    async with streaming(api, "POST", f"{chat}/turns", body) as stream:
        await stream.all()


SAID = {
    "a reply": Script(whole("WORDS", " replied")),
    "a call": Script(calling('{"to": ', '"WORDS"}', name="WORDS")),
    "half a reply": Script([chunk("WORDS"), {"error": {"message": "WORDS"}}]),
    "half a call": Script(calling('{"to": "WORDS')[:2]),
    "a broken connection": Script([chunk("WORDS")], breaks_off=True),
    "a broken connection at once": Script([], breaks_off=True),
    "an error": Script(status=500, body={"error": {"message": "WORDS"}}),
    "a refusal of the key": Script(status=401, body={"error": {"message": "WORDS sk-very-secret"}}),
    "a filter": Script(status=400, body={"error": {"code": "content_filter", "message": "WORDS"}}),
    "too long a prompt": Script(status=400, body={"error": {"message": "WORDS: context length"}}),
    "another place": Script(status=302, body={}, headers={"Location": "/WORDS"}),
    "no JSON": Script([b"WORDS"]),
    "no HTTP header": Script(status=500, body="WORDS", headers={"X-Said": "WORDS"}),
}


@pytest.mark.on_both_stores
@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
async def test_nothing_said_and_no_key_reaches_a_log(
    api: Client, chat: str, model: FakeModel, log: pytest.LogCaptureFixture, *, streams: bool
) -> None:
    for number, script in enumerate(SAID.values()):
        model.next(script)
        await says(api, chat, streams=streams, number=number)

    assert model.headers[0]["Authorization"] == "Bearer sk-very-secret"
    assert all(f"WORDS of the {each}" in str(model.asked[0]) for each in ("deployment", "channel", "request"))
    require_discreet(log, chat.rpartition("/")[2], str(api.user))
    assert "sk-very" not in repr(model.settings)


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
async def test_of_a_defect_the_log_tells_where_it_is_and_not_what_was_said(
    api: Client,
    chat: str,
    store: SessionStore,
    log: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    *,
    streams: bool,
) -> None:
    def defect(*_: object, **__: object) -> None:
        raise RuntimeError("WORDS") from KeyError("WORDS behind it")

    monkeypatch.setattr(generation, "window", defect)
    monkeypatch.setattr(store, "end_turn", defect)

    await says(api, chat, streams=streams, number=1)

    failed = [message for message in log.messages if message.startswith(("a turn failed", "the store was not told"))]
    assert len(failed) == 2
    assert all("builtins.RuntimeError" in each and __file__ in each for each in failed)
    require_discreet(log)
