"""Settings: where they come from, what they default to, and how all that is wrong with them is told at once."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from shared.settings import PROJECT_ROOT, SettingsError, load_settings

ENDPOINT = "https://account.documents.azure.com:443/"
KEY = "c2VjcmV0IGtleQ=="
AZURE = {"WEBSITE_SITE_NAME": "parley"}
LONGEST = 2_147_483_647


class Recording(Mapping[str, str]):
    """An empty environment that remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@pytest.fixture
def known(tmp_path: Path) -> set[str]:
    """Name every setting that is looked up; what the platform sets by itself is none."""
    environ = Recording()
    load_settings(environ, tmp_path)
    platforms = {"CONTAINER_APP_NAME", "FUNCTIONS_WORKER_RUNTIME"}
    return {name for name in environ.asked if not name.startswith(("WEBSITE_", "AZURE_"))} - platforms


def problems(root: Path, **environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ, root)
    return caught.value.problems


def write_local(root: Path, values: Any) -> None:
    (root / "local.settings.json").write_text(json.dumps({"IsEncrypted": False, "Values": values}))


def test_without_any_setting_everything_has_its_default(tmp_path: Path) -> None:
    settings = load_settings({}, tmp_path)

    assert (settings.store, settings.sqlite_path) == ("sqlite", tmp_path / "data" / "parley.db")
    assert (settings.cosmos_endpoint, settings.cosmos_key, settings.cosmos_emulator) == (None, None, False)
    assert (settings.cosmos_database, settings.cosmos_container) == ("parley", "sessions")
    assert (settings.user_identity, settings.session_ttl_seconds) == ("trusted", 7_776_000)
    assert (settings.max_message_bytes, settings.port, settings.cors_origins) == (1_048_576, 7071, ())


def test_the_archival_has_its_defaults(tmp_path: Path) -> None:
    settings = load_settings({}, tmp_path)

    assert settings.channel_ttl_seconds == {}
    assert settings.archive_schedule == "0 0 * * * *"
    assert (settings.archive_after_seconds, settings.archive_ttl_seconds) == (2_592_000, 31_536_000)


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("STORE", "SQLite", "store", "sqlite"),
        ("SQLITE_PATH", "~/parley.db", "sqlite_path", Path.home() / "parley.db"),
        ("COSMOS_ENDPOINT", ENDPOINT, "cosmos_endpoint", ENDPOINT),
        ("COSMOS_KEY", KEY, "cosmos_key", KEY),
        ("COSMOS_DATABASE", "mine", "cosmos_database", "mine"),
        ("COSMOS_CONTAINER", "mine", "cosmos_container", "mine"),
        ("COSMOS_EMULATOR", "True", "cosmos_emulator", True),
        ("COSMOS_EMULATOR", "0", "cosmos_emulator", False),
        ("SESSION_TTL_SECONDS", "-1", "session_ttl_seconds", -1),
        ("SESSION_TTL_SECONDS", str(LONGEST), "session_ttl_seconds", LONGEST),
        ("CHANNEL_TTL_SECONDS", '{"web": 60, "kept": -1}', "channel_ttl_seconds", {"web": 60, "kept": -1}),
        ("ARCHIVE_SCHEDULE", "0 */5 * * * *", "archive_schedule", "0 */5 * * * *"),
        ("ARCHIVE_AFTER_SECONDS", "60", "archive_after_seconds", 60),
        ("ARCHIVE_TTL_SECONDS", "-1", "archive_ttl_seconds", -1),
        ("MAX_MESSAGE_BYTES", "1", "max_message_bytes", 1),
        ("PORT", "0", "port", 0),
        ("CORS_ORIGINS", "http://a, http://b ,", "cors_origins", ("http://a", "http://b")),
    ],
)
def test_a_setting_of_the_environment_counts(
    tmp_path: Path, name: str, value: str, field: str, expected: object
) -> None:
    assert getattr(load_settings({name: value}, tmp_path), field) == expected


def test_a_relative_path_begins_at_the_project(tmp_path: Path) -> None:
    assert load_settings({"SQLITE_PATH": "here.db"}, tmp_path).sqlite_path == tmp_path / "here.db"


def test_an_absolute_path_is_taken_as_it_is(tmp_path: Path) -> None:
    there = tmp_path / "somewhere" / "else.db"

    assert load_settings({"SQLITE_PATH": str(there)}, tmp_path / "project").sqlite_path == there


def test_a_path_that_is_not_used_is_not_looked_at(tmp_path: Path) -> None:
    assert load_settings({"SQLITE_PATH": ":memory:", "COSMOS_ENDPOINT": ENDPOINT}, tmp_path).store == "cosmos"


def test_a_value_of_local_settings_json_counts(tmp_path: Path) -> None:
    write_local(tmp_path, {"PORT": "1234"})

    assert load_settings({}, tmp_path).port == 1234


def test_the_environment_wins_over_local_settings_json(tmp_path: Path) -> None:
    write_local(tmp_path, {"PORT": "1234", "COSMOS_DATABASE": "local"})

    settings = load_settings({"PORT": "4321"}, tmp_path)

    assert (settings.port, settings.cosmos_database) == (4321, "local")


@pytest.mark.parametrize("empty", ["", " ", "\t"])
def test_an_empty_variable_counts_as_missing(tmp_path: Path, empty: str) -> None:
    write_local(tmp_path, {"PORT": "1234", "COSMOS_ENDPOINT": ""})

    settings = load_settings({"PORT": empty, "COSMOS_DATABASE": empty, "STORE": empty}, tmp_path)

    assert (settings.port, settings.cosmos_database, settings.store) == (1234, "parley", "sqlite")


def test_a_null_in_local_settings_json_counts_as_missing(tmp_path: Path) -> None:
    write_local(tmp_path, {"COSMOS_KEY": None, "COSMOS_DATABASE": None})

    settings = load_settings({}, tmp_path)

    assert (settings.cosmos_key, settings.cosmos_database) == (None, "parley")


def test_numbers_and_truths_in_local_settings_json_count_as_their_text(tmp_path: Path) -> None:
    write_local(tmp_path, {"PORT": 1234, "COSMOS_EMULATOR": True})

    settings = load_settings({}, tmp_path)

    assert (settings.port, settings.cosmos_emulator) == (1234, True)


def test_local_settings_json_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "local.settings.json").write_text('{"Values": {"PORT": "1234"}}', "utf-8-sig")

    assert load_settings({}, tmp_path).port == 1234


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "line 1, column 2"),
        ("[]", "must hold an object"),
        ("[" * 100_000, "not JSON"),
        ("\xff", "UTF-8"),
        ('{"Values": []}', '"Values": {}'),
        ('{"Values": null}', '"Values": {}'),
        ('{"IsEncrypted": true, "Values": {"PORT": "CfDJ8K0"}}', "func settings decrypt"),
        ('{"Values": {"COSMOS": {"KEY": "c2VjcmV0"}}}', "COSMOS in local.settings.json must be a text"),
        ('{"Values": {"CHANNEL_TTL_SECONDS": {"web": 60}}}', "JSON as a text"),
        ('{"Values": {"CORS_ORIGINS": ["http://a"]}}', "CORS_ORIGINS in local.settings.json must be a text"),
        ('{"PORT": "1234", "Values": {}}', "PORT stands outside Values"),
        ('{"COSMOS_KEY": "c2VjcmV0"}', "COSMOS_KEY stands outside Values"),
        ('{"ConnectionStrings": {"COSMOS_ENDPOINT": "c2VjcmV0"}}', "COSMOS_ENDPOINT stands outside Values"),
    ],
)
def test_what_is_wrong_with_local_settings_json_is_one_problem_without_its_values(
    tmp_path: Path, text: str, complaint: str
) -> None:
    (tmp_path / "local.settings.json").write_bytes(text.encode("latin-1"))

    (problem,) = problems(tmp_path)

    assert complaint in problem
    assert "c2VjcmV0" not in problem


def test_local_settings_json_may_have_what_the_core_tools_know(tmp_path: Path) -> None:
    host = '"isEncrypted": "false", "Host": {"CORS": "*", "LocalHttpPort": 7071}, "ConnectionStrings": {}'
    (tmp_path / "local.settings.json").write_text(f'{{{host}, "values": {{"PORT": "1234"}}}}')

    assert load_settings({}, tmp_path).port == 1234


def test_a_local_settings_json_without_values_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "local.settings.json").write_text("{}")

    assert load_settings({}, tmp_path).port == 7071


@pytest.mark.parametrize(
    ("environ", "store"),
    [
        ({}, "sqlite"),
        ({"COSMOS_ENDPOINT": ENDPOINT}, "cosmos"),
        ({"COSMOS_ENDPOINT": ENDPOINT, "STORE": ""}, "cosmos"),
        ({"COSMOS_ENDPOINT": ENDPOINT, "STORE": "sqlite"}, "sqlite"),
        ({"COSMOS_ENDPOINT": ENDPOINT, "STORE": "COSMOS"}, "cosmos"),
        ({"COSMOS_ENDPOINT": "", "COSMOS_KEY": KEY}, "sqlite"),
        ({**AZURE, "COSMOS_ENDPOINT": ENDPOINT}, "cosmos"),
    ],
)
def test_the_store_follows_from_what_is_set(tmp_path: Path, environ: dict[str, str], store: str) -> None:
    assert load_settings(environ, tmp_path).store == store


def test_cosmos_needs_its_endpoint(tmp_path: Path) -> None:
    assert problems(tmp_path, STORE="cosmos") == ["COSMOS_ENDPOINT is missing; it is required when STORE is cosmos."]


@pytest.mark.parametrize("store", ["", "cosmos", "sqlite"])
@pytest.mark.parametrize("mark", ["WEBSITE_SITE_NAME", "WEBSITE_INSTANCE_ID", "WEBSITE_SKU", "CONTAINER_APP_NAME"])
def test_on_azure_the_endpoint_is_required(tmp_path: Path, mark: str, store: str) -> None:
    found = problems(tmp_path, STORE=store, **{mark: "x"})

    assert found == ["COSMOS_ENDPOINT is missing; it is required on Azure."]


def test_on_azure_the_data_cannot_be_in_a_file(tmp_path: Path) -> None:
    found = problems(tmp_path, STORE="sqlite", COSMOS_ENDPOINT=ENDPOINT, **AZURE)

    assert [problem.split()[0] for problem in found] == ["STORE"]


def test_on_azure_a_wrong_endpoint_is_told_once(tmp_path: Path) -> None:
    found = problems(tmp_path, COSMOS_ENDPOINT="account", **AZURE)

    assert [problem.split()[0] for problem in found] == ["COSMOS_ENDPOINT"]


def test_on_azure_local_settings_json_is_not_read(tmp_path: Path) -> None:
    write_local(tmp_path, {"COSMOS_ENDPOINT": ENDPOINT})

    assert problems(tmp_path, **AZURE) == ["COSMOS_ENDPOINT is missing; it is required on Azure."]


def test_the_core_tools_on_a_laptop_are_not_azure(tmp_path: Path) -> None:
    environ = {**AZURE, "AZURE_FUNCTIONS_ENVIRONMENT": "Development"}

    assert load_settings(environ, tmp_path).store == "sqlite"


@pytest.mark.parametrize("mark", ["WEBSITE_INSTANCE_ID", "CONTAINER_APP_NAME"])
def test_what_only_azure_sets_is_azure_in_any_environment(tmp_path: Path, mark: str) -> None:
    found = problems(tmp_path, AZURE_FUNCTIONS_ENVIRONMENT="Development", **{mark: "x"})

    assert found == ["COSMOS_ENDPOINT is missing; it is required on Azure."]


def test_a_deployed_app_keeps_data_in_a_file_only_if_it_is_asked_to(tmp_path: Path) -> None:
    deployed = {"FUNCTIONS_WORKER_RUNTIME": "python"}

    assert "STORE to sqlite" in problems(tmp_path, **deployed)[0]
    assert load_settings(deployed | {"STORE": "sqlite"}, tmp_path).store == "sqlite"
    assert load_settings(deployed | {"AZURE_FUNCTIONS_ENVIRONMENT": "Development"}, tmp_path).store == "sqlite"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STORE", "tape"),
        ("USER_IDENTITY", "anyone"),
        ("COSMOS_EMULATOR", "maybe"),
        *[("COSMOS_ENDPOINT", value) for value in ("account", "ftp://a", "https://", "http://[", "http://a:port")],
        *[
            ("COSMOS_ENDPOINT", value)
            for value in ("https://a:0", "https://a/path", "https://u:p@a", "https://a?key=x")
        ],
        ("COSMOS_DATABASE", "AccountKey=c2VjcmV0"),
        *[("COSMOS_KEY", value) for value in ("no base 64", "abc", "@Microsoft.KeyVault(SecretUri=x)")],
        *[("SESSION_TTL_SECONDS", value) for value in ("0", "-2", "1.5", "1e3", "2147483648", "a day", "٣")],
        *[("ARCHIVE_TTL_SECONDS", value) for value in ("0", "-2")],
        *[("ARCHIVE_AFTER_SECONDS", value) for value in ("0", "-1")],
        *[("ARCHIVE_SCHEDULE", value) for value in ("hourly", "0 * * * *", "@daily")],
        *[("CHANNEL_TTL_SECONDS", value) for value in ("[]", "{", '{"web": 0}', '{"Web": 1}', '{"web": true}', "5")],
        *[("MAX_MESSAGE_BYTES", value) for value in ("0", "1048577", "-1", "many")],
        *[("PORT", value) for value in ("-1", "65536", "http")],
        *[
            ("SQLITE_PATH", value)
            for value in (":memory:", "sqlite:///x.db", "sqlite:x", "file:x?mode=ro", "~nobody-by-this-name/x")
        ],
    ],
)
def test_a_value_that_cannot_be_is_one_problem_that_names_its_setting(tmp_path: Path, name: str, value: str) -> None:
    found = problems(tmp_path, **{name: value})

    assert [problem.split()[0] for problem in found] == [name]


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    broken = {"STORE": "tape", "PORT": "high", "MAX_MESSAGE_BYTES": "0", "COSMOS_KEY": "x", "COSMOS_ENDPOINT": "y"}

    with pytest.raises(SettingsError) as caught:
        load_settings(broken, tmp_path)

    message = str(caught.value)
    assert message.startswith("Parley cannot start:\n")
    assert all(message.count(f"- {name} ") == 1 for name in broken)


def test_a_key_is_never_shown(tmp_path: Path) -> None:
    settings = load_settings({"COSMOS_KEY": KEY, "COSMOS_ENDPOINT": ENDPOINT}, tmp_path)

    assert KEY not in repr(settings)


@pytest.mark.parametrize(
    "value",
    [
        f"AccountEndpoint={ENDPOINT};AccountKey=c2VjcmV0IG9mIG91cnM=;",
        "AccountKey=c2VjcmV0",
        "https://me:c2VjcmV0@account.documents.azure.com",
        "https://account.documents.azure.com/?sig=c2VjcmV0",
        "c2VjcmV0IG9mIG91cnMgdGhhdCBpcyBsb25nZXI==",
        '{"password": "c2VjcmV0"}',
        "c2VjcmV0",
    ],
)
def test_a_secret_in_any_setting_is_not_repeated(tmp_path: Path, known: set[str], value: str) -> None:
    said = []
    for name in known:
        with suppress(SettingsError):
            load_settings({name: value}, tmp_path)
            continue
        said += problems(tmp_path, **{name: value})

    assert len(said) > 10
    assert "c2VjcmV0" not in str(said)


def test_a_connection_string_is_refused_with_the_two_settings_to_use(tmp_path: Path) -> None:
    text = f"AccountEndpoint={ENDPOINT};AccountKey={KEY};"

    for name in ("COSMOS_ENDPOINT", "COSMOS_KEY"):
        (problem,) = problems(tmp_path, **{name: text})
        assert "set COSMOS_ENDPOINT to its AccountEndpoint and COSMOS_KEY to its AccountKey" in problem


def test_the_example_names_every_setting(known: set[str]) -> None:
    example = json.loads((PROJECT_ROOT / "local.settings.example.json").read_text("utf-8"))

    hosts_own = {"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage"}
    assert example["Values"].keys() - hosts_own == known


def test_the_readme_describes_every_setting(known: set[str]) -> None:
    text = (PROJECT_ROOT / "README.md").read_text("utf-8")

    assert sorted(name for name in known if f"`{name}`" not in text) == []


def test_a_copy_of_the_example_starts_with_the_defaults(tmp_path: Path) -> None:
    defaults = load_settings({}, tmp_path)
    shutil.copy(PROJECT_ROOT / "local.settings.example.json", tmp_path / "local.settings.json")

    assert load_settings({}, tmp_path) == defaults
