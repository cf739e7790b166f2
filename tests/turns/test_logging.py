"""What the logs tell of turns: numbers, and nothing that was said."""

import json
import logging

import pytest

from tests.http.client import Client, spoken
from tests.turns.model_server import FakeModel, Script, whole
from tests.turns.streams import streaming
from tests.turns.talking import ask

pytestmark = pytest.mark.on_both_stores

NUMBERS = {"input_tokens", "output_tokens", "milliseconds"}


async def test_a_streamed_reply_has_its_line_when_the_last_of_it_is_sent_and_its_turn_another(
    api: Client, chat: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async with streaming(api, "POST", f"{chat}/turns", spoken("Hi", id="m1")) as stream:
        sent = await stream.response.read()

    told = [json.loads(message) for message in caplog.messages if message.startswith('{"event": ')]
    (line,) = [each for each in told if each["event"] == "request" and each["route"] == "take_turn"]
    (turn,) = [each for each in told if each["event"] == "turn"]
    assert (line["status"], line["bytes_out"]) == (200, len(sent))
    assert (turn["ended"], turn["request_id"]) == ("answered", line["request_id"])
    assert turn.keys() <= {"event", "request_id", "ended", "instance", "version", *NUMBERS}


async def test_nothing_said_and_no_key_reaches_a_log(
    api: Client, chat: str, model: FakeModel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "shared")
    caplog.set_level(logging.DEBUG, "parley")
    model.next(
        Script(whole("WORDS")),
        Script(status=500, body={"error": {"message": "WORDS"}}),
        Script(status=401, body={"error": {"message": "WORDS sk-very-secret"}}),
        Script([b"WORDS"]),
    )

    for number in range(4):
        await ask(api, chat, "WORDS", f"m{number}")

    assert model.headers[0]["Authorization"] == "Bearer sk-very-secret"
    assert caplog.text
    assert "WORDS" not in caplog.text
    assert "sk-very" not in caplog.text
    assert "sk-very" not in repr(model.settings)
