"""The settings of the model that makes replies."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from shared.models import CHANNEL
from shared.secrecy import holds_secret

CALLER_MAY_SET = ("model", "instructions", "tools", "temperature", "response_format")
# Patterns, which `re` compiles at their first use: most have no model to look at.
ENDPOINT = r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?"
SCOPE = r"[A-Za-z0-9._~:/-]{1,256}"
FIELD = r"[a-z_]{1,64}"
MODEL = r"[^\x00-\x1f\x7f]{1,128}"
MAX_INSTRUCTIONS_CHARACTERS = 32_768
MAX_SECONDS = 220  # of a turn: Azure's load balancer gives up after 230


class Reader(Protocol):
    """What looks settings up; see shared.settings."""

    problems: list[str]

    def named(self, name: str) -> str | None: ...

    def text(self, name: str, check: Callable[[str], str | None] | None = None) -> str | None: ...

    def number(self, name: str, default: int, low: int, high: int) -> int: ...


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """An OpenAI-compatible endpoint and how it is asked; without an endpoint nothing here replies."""

    endpoint: str | None = None
    name: str = ""
    key: str | None = field(default=None, repr=False)
    token_scope: str | None = None
    instructions: str | None = None
    channel_instructions: Mapping[str, str] = field(default_factory=dict)
    context_tokens: int = 8192
    max_tokens: int = 1024
    max_tokens_field: str = "max_completion_tokens"
    timeout_seconds: int = 200
    concurrency: int = 32
    caller_may_set: frozenset[str] = frozenset()


def read_model_settings(reader: Reader) -> ModelSettings:
    """Read what is set; what is wrong is added to the reader's problems."""
    settings = ModelSettings(
        endpoint=_endpoint(reader),
        name=reader.text("MODEL_NAME", _matching(MODEL, "must have 1 to 128 characters")) or "",
        key=_key(reader),
        token_scope=reader.text("MODEL_TOKEN_SCOPE", _matching(SCOPE, "must be the scope of a token")),
        instructions=reader.text("MODEL_INSTRUCTIONS", _instructions),
        channel_instructions=_channel_instructions(reader, "CHANNEL_INSTRUCTIONS"),
        context_tokens=reader.number("MODEL_CONTEXT_TOKENS", 8192, 512, 10_000_000),
        max_tokens=reader.number("MODEL_MAX_TOKENS", 1024, 1, 1_000_000),
        max_tokens_field=reader.text("MODEL_MAX_TOKENS_FIELD", _matching(FIELD, "must be the name of a field"))
        or "max_completion_tokens",
        timeout_seconds=reader.number("MODEL_TIMEOUT_SECONDS", 200, 1, MAX_SECONDS),
        concurrency=reader.number("MODEL_CONCURRENCY", 32, 1, 1000),
        caller_may_set=_caller_may_set(reader, "MODEL_CALLER_MAY_SET"),
    )
    if settings.endpoint and not settings.name:
        reader.problems.append("MODEL_NAME is missing; it is required when MODEL_ENDPOINT is set.")
    if settings.max_tokens >= settings.context_tokens:
        reader.problems.append("MODEL_MAX_TOKENS must be less than MODEL_CONTEXT_TOKENS: the question needs room.")
    return settings


def _endpoint(reader: Reader) -> str | None:
    value = reader.named("MODEL_ENDPOINT")
    if value and not re.fullmatch(ENDPOINT, value):
        rule = "a base address and nothing else, such as https://NAME.openai.azure.com/openai/v1"
        reader.problems.append(f"MODEL_ENDPOINT must be {rule}; the key belongs into MODEL_KEY.")
        return None
    return value.rstrip("/") if value else None


def _key(reader: Reader) -> str | None:
    """Return the key; a wrong one is not repeated, as it may be most of a right one."""
    value = reader.named("MODEL_KEY")
    if value and not re.fullmatch(r"[\x21-\x7e]{1,4096}", value):
        reader.problems.append("MODEL_KEY must be visible ASCII characters.")
        return None
    return value


def _matching(pattern: str, rule: str) -> Callable[[str], str | None]:
    return lambda value: None if re.fullmatch(pattern, value) and not holds_secret(value) else rule


def _instructions(value: str) -> str | None:
    fits = len(value) <= MAX_INSTRUCTIONS_CHARACTERS
    return None if fits else f"must have at most {MAX_INSTRUCTIONS_CHARACTERS} characters"


def _channel_instructions(reader: Reader, name: str) -> Mapping[str, str]:
    try:
        found = json.loads(reader.named(name) or "{}")
    except ValueError:
        found = None
    if isinstance(found, dict) and all(
        CHANNEL.fullmatch(channel) and isinstance(text, str) and not _instructions(text)
        for channel, text in found.items()
    ):
        return found
    reader.problems.append(f"{name} must be a JSON object of channels and texts.")
    return {}


def _caller_may_set(reader: Reader, name: str) -> frozenset[str]:
    named = frozenset(part.strip() for part in (reader.named(name) or "").split(",") if part.strip())
    if named <= set(CALLER_MAY_SET):
        return named
    reader.problems.append(f"{name} must be some of {', '.join(CALLER_MAY_SET)}, divided by commas.")
    return frozenset()
