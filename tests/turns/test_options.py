"""What the model is asked beside the history: what the deployment says, and what a request may set."""

from typing import Any

import pytest

from tests.http.client import Client
from tests.turns.model_server import FakeModel
from tests.turns.talking import ask, said


@pytest.fixture
def model_settings() -> dict[str, Any]:
    return {
        "instructions": "Be kind.",
        "channel_instructions": {"web": "Be brief."},
        "caller_may_set": frozenset({"instructions", "tools"}),
        "max_tokens": 100,
        "max_tokens_field": "max_tokens",
    }


async def test_the_deployment_and_the_channel_instruct_the_model_before_the_request(
    api: Client, chat: str, model: FakeModel
) -> None:
    await ask(api, chat, instructions="Rhyme.")

    assert model.asked[0]["messages"][0] == {"role": "system", "content": "Be kind.\n\nBe brief.\n\nRhyme."}
    assert model.asked[0]["model"] == "small"
    assert model.asked[0]["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(("wanted", "asked"), [(None, 100), (10, 10), (1000, 100)])
async def test_a_reply_is_at_most_as_long_as_the_deployment_allows(
    api: Client, chat: str, model: FakeModel, wanted: int | None, asked: int
) -> None:
    await ask(api, chat, max_output_tokens=wanted)

    assert model.asked[0]["max_tokens"] == asked


@pytest.mark.parametrize(
    "fields", [{"model": "large"}, {"temperature": 1.5}, {"response_format": {"type": "json_object"}}]
)
async def test_what_a_deployment_keeps_to_itself_is_refused(
    api: Client, chat: str, model: FakeModel, fields: dict[str, Any]
) -> None:
    assert (await ask(api, chat, **fields)).refusal == (403, "forbidden")
    assert (await said(api, chat), model.asked) == ([], [])
