"""The model's settings: what they default to, and what is wrong with them."""

from pathlib import Path

import pytest

from shared.model_settings import ModelSettings
from shared.settings import SettingsError, load_settings

ENDPOINT = {"MODEL_ENDPOINT": "https://name.openai.azure.com/openai/v1/", "MODEL_NAME": "gpt"}


def problems(root: Path, **environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ, root)
    return caught.value.problems


def test_without_an_endpoint_there_is_no_model(tmp_path: Path) -> None:
    assert load_settings({}, tmp_path).model == ModelSettings()


def test_all_of_it_can_be_set(tmp_path: Path) -> None:
    environ = ENDPOINT | {
        "MODEL_KEY": "sk-1",
        "MODEL_TOKEN_SCOPE": "https://cognitiveservices.azure.com/.default",
        "MODEL_INSTRUCTIONS": "Be kind.",
        "CHANNEL_INSTRUCTIONS": '{"web": "Be brief."}',
        "MODEL_CONTEXT_TOKENS": "4096",
        "MODEL_MAX_TOKENS": "512",
        "MODEL_MAX_TOKENS_FIELD": "max_tokens",
        "MODEL_TIMEOUT_SECONDS": "100",
        "MODEL_CONCURRENCY": "4",
        "MODEL_CALLER_MAY_SET": "tools, temperature",
    }

    assert load_settings(environ, tmp_path).model == ModelSettings(
        endpoint="https://name.openai.azure.com/openai/v1",
        name="gpt",
        key="sk-1",
        token_scope="https://cognitiveservices.azure.com/.default",
        instructions="Be kind.",
        channel_instructions={"web": "Be brief."},
        context_tokens=4096,
        max_tokens=512,
        max_tokens_field="max_tokens",
        timeout_seconds=100,
        concurrency=4,
        caller_may_set=frozenset({"tools", "temperature"}),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("MODEL_ENDPOINT", value) for value in ("localhost", "https://me:pw@host/v1", "https://host/v1?key=1")],
        *[("MODEL_KEY", value) for value in ("two words", "ü")],
        ("MODEL_TOKEN_SCOPE", "two words"),
        *[("CHANNEL_INSTRUCTIONS", value) for value in ("[]", "{", '{"web": 5}', '{"NO": "x"}')],
        *[("MODEL_CONTEXT_TOKENS", value) for value in ("0", "511", "many")],
        *[("MODEL_MAX_TOKENS", value) for value in ("0", "-1", "8192")],
        ("MODEL_MAX_TOKENS_FIELD", "Max Tokens"),
        *[("MODEL_TIMEOUT_SECONDS", value) for value in ("0", "221")],
        *[("MODEL_CONCURRENCY", value) for value in ("0", "1001")],
        *[("MODEL_CALLER_MAY_SET", value) for value in ("all", "tools;model")],
    ],
)
def test_a_wrong_one_is_refused_by_its_name(tmp_path: Path, name: str, value: str) -> None:
    (problem,) = problems(tmp_path, **ENDPOINT | {name: value})

    assert problem.startswith(name)


def test_an_endpoint_needs_a_name(tmp_path: Path) -> None:
    assert problems(tmp_path, MODEL_ENDPOINT="http://127.0.0.1:8080/v1") == [
        "MODEL_NAME is missing; it is required when MODEL_ENDPOINT is set."
    ]


@pytest.mark.parametrize(
    ("name", "value"), [("MODEL_ENDPOINT", "https://user:pw@host/v1"), ("MODEL_KEY", "sk very secret")]
)
def test_no_secret_is_repeated(tmp_path: Path, name: str, value: str) -> None:
    (problem,) = problems(tmp_path, **ENDPOINT | {name: value})

    assert "pw@" not in problem
    assert "very" not in problem
