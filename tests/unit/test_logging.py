"""What may be logged: levels, hashes of users, and failures without their texts."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.logs import LEVELS, quieten, trace, user_hash
from shared.settings import SettingsError, load_settings

AZURE = {"WEBSITE_SITE_NAME": "parley", "COSMOS_ENDPOINT": "https://account.documents.azure.com"}
KEY = "c2VjcmV0IGtleQ=="


@pytest.fixture
def sdk() -> Iterator[list[logging.Logger]]:
    """Lend the SDK's loggers as they are in a fresh process."""
    loggers = [logging.getLogger(name) for name in LEVELS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.NOTSET)
    yield loggers
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def test_the_sdk_is_quiet_and_microsofts_runtime_is_not(sdk: list[logging.Logger]) -> None:
    quieten()

    assert [logger for logger in sdk if logger.isEnabledFor(logging.INFO)] == []
    assert [logging.getLogger(name).level for name in ("azure", "azure.functions")] == [logging.NOTSET] * 2


def test_who_wants_it_quieter_still_is_left_alone(sdk: list[logging.Logger]) -> None:
    sdk[0].setLevel(logging.ERROR)

    quieten()

    assert sdk[0].level == logging.ERROR


@pytest.mark.parametrize(
    ("environ", "key"),
    [
        ({}, None),
        ({"LOG_HASH_KEY": "sixteen letters!", "COSMOS_KEY": KEY}, "sixteen letters!"),
        ({"COSMOS_KEY": KEY}, KEY),
        ({"COSMOS_KEY": KEY, "COSMOS_EMULATOR": "true"}, None),
        ({**AZURE, "COSMOS_KEY": KEY, "WEBSITE_AUTH_ENCRYPTION_KEY": "auth"}, KEY),
        ({**AZURE, "WEBSITE_AUTH_ENCRYPTION_KEY": "auth", "MACHINEKEY_DecryptionKey": "machine"}, "auth"),
        ({**AZURE, "MACHINEKEY_DecryptionKey": "machine"}, "machine"),
        ({**AZURE, "AzureWebJobsStorage": "AccountName=a;AccountKey=storage"}, "AccountName=a;AccountKey=storage"),
        ({**AZURE, "AzureWebJobsStorage": "UseDevelopmentStorage=true"}, None),
        ({"AzureWebJobsStorage": "AccountName=a;AccountKey=known to everybody"}, None),
    ],
)
def test_users_are_hashed_with_what_all_instances_share(
    tmp_path: Path, environ: dict[str, str], key: str | None
) -> None:
    assert load_settings(environ, tmp_path).log_hash_key == key


def test_a_key_that_can_be_guessed_is_refused_and_none_is_ever_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({"LOG_HASH_KEY": "fifteen letters"}, tmp_path)

    assert "LOG_HASH_KEY" in str(caught.value)
    assert "fifteen letters" not in str(caught.value)
    assert "sixteen letters!" not in repr(load_settings({"LOG_HASH_KEY": "sixteen letters!"}, tmp_path))


def test_without_a_key_a_hash_is_the_same_within_a_process() -> None:
    assert user_hash(None, "ada") == user_hash(None, "ada") != user_hash(None, "bob")


def test_a_trace_leads_to_every_cause_once_and_repeats_no_text() -> None:
    cause = ConnectionResetError(104, "a secret")
    failure = RuntimeError("a secret")
    failure.__cause__ = ExceptionGroup("a secret", [cause, ValueError("a secret")])
    cause.__context__ = failure

    assert trace(failure).splitlines() == [
        "builtins.RuntimeError",
        "builtins.ExceptionGroup",
        "builtins.ConnectionResetError errno=104",
        "builtins.ValueError",
    ]
