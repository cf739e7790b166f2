"""The only reader of the environment: every setting, its default, and what is wrong with it."""

import json
import os
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from shared.local_settings import LocalSettings
from shared.model_settings import ModelSettings, read_model_settings
from shared.models import CHANNEL, KEEP, MAX_TTL_SECONDS
from shared.secrecy import holds_secret, shown

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DEFAULT_ARCHIVE_TTL_SECONDS = 31_536_000  # a year
MAX_CONTENT_BYTES = 1_048_576  # the 2 MB that a Cosmos DB item may have leave room for the rest of a message
TRUE_TO_THE_WORKER = {"1", "true", "t", "yes", "y"}
LEAST_SECRET_CHARACTERS = 16  # what is shorter can be found by trying

StoreName = Literal["sqlite", "cosmos"]
STORES: tuple[StoreName, ...] = ("sqlite", "cosmos")
IdentityMode = Literal["trusted", "easyauth"]
IDENTITY_MODES: tuple[IdentityMode, ...] = ("trusted", "easyauth")
Choice = TypeVar("Choice", bound=str)

OPENTELEMETRY = ("PYTHON_ENABLE_OPENTELEMETRY", "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY")  # the worker's
INSTANCE = ("WEBSITE_INSTANCE_ID", "WEBSITE_POD_NAME")  # the platform's
AZURE_ONLY = ("WEBSITE_INSTANCE_ID", "CONTAINER_APP_NAME")  # set by the platform, never by the Core Tools on a laptop
AZURE_MARKS = (
    *AZURE_ONLY,
    *("WEBSITE_SITE_NAME", "WEBSITE_HOSTNAME", "WEBSITE_OWNER_NAME"),
    *("WEBSITE_RESOURCE_GROUP", "WEBSITE_SKU", "WEBSITE_POD_NAME"),
)
ADDRESS = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:(?!0*/?$)[0-9]{1,5})?/?")
NO_FILE = r"(?i::memory:|file:|sqlite:|[a-z0-9+]+://)"
CONNECTION_STRING = (
    "must not be a connection string: set COSMOS_ENDPOINT to its AccountEndpoint and COSMOS_KEY to its AccountKey"
)


class SettingsError(Exception):
    """The settings cannot be used; the message names every problem at once."""

    def __init__(self, problems: list[str]) -> None:
        """Keep the problems, one sentence each."""
        super().__init__("Parley cannot start:\n" + "\n".join(f"  - {problem}" for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set, validated; the README's table describes each."""

    store: StoreName
    sqlite_path: Path
    cosmos_endpoint: str | None
    cosmos_key: str | None = field(repr=False)
    cosmos_database: str
    cosmos_container: str
    cosmos_emulator: bool
    user_identity: IdentityMode
    easyauth_enabled: bool
    session_ttl_seconds: int
    channel_ttl_seconds: Mapping[str, int]
    archive_schedule: str
    archive_after_seconds: int
    archive_ttl_seconds: int
    archive_batch_size: int
    archive_concurrency: int
    archive_budget_seconds: int
    max_message_bytes: int
    model: ModelSettings
    log_hash_key: str | None = field(repr=False)
    http_streaming: bool
    init_indexing: bool
    opentelemetry: bool
    port: int
    cors_origins: tuple[str, ...]
    instance: str = field(compare=False)
    given: tuple[str, ...] = field(compare=False)


def load_settings(environ: Mapping[str, str] | None = None, root: Path = PROJECT_ROOT) -> Settings:
    """Read the environment, then `Values` of local.settings.json under `root`; the environment wins.

    An empty value counts as missing. Raises SettingsError naming every bad or missing setting.
    """
    reader = _Reader(os.environ if environ is None else environ, root)
    store = _choose_store(reader)
    emulator = reader.flag("COSMOS_EMULATOR")
    settings = Settings(
        store=store,
        sqlite_path=reader.data_file("SQLITE_PATH", root, used=store == "sqlite"),
        cosmos_endpoint=reader.address("COSMOS_ENDPOINT"),
        cosmos_key=reader.key("COSMOS_KEY"),
        cosmos_database=reader.text("COSMOS_DATABASE", reader.resource_name) or "parley",
        cosmos_container=reader.text("COSMOS_CONTAINER", reader.resource_name) or "sessions",
        cosmos_emulator=emulator,
        user_identity=reader.choice("USER_IDENTITY", IDENTITY_MODES) or "trusted",
        easyauth_enabled=(reader.named("WEBSITE_AUTH_ENABLED") or "").lower() == "true",
        session_ttl_seconds=reader.ttl("SESSION_TTL_SECONDS", 7_776_000),
        channel_ttl_seconds=reader.channel_ttls("CHANNEL_TTL_SECONDS"),
        archive_schedule=reader.text("ARCHIVE_SCHEDULE", reader.schedule) or "0 0 * * * *",
        archive_after_seconds=reader.number("ARCHIVE_AFTER_SECONDS", 2_592_000, 1, MAX_TTL_SECONDS),
        archive_ttl_seconds=reader.ttl("ARCHIVE_TTL_SECONDS", DEFAULT_ARCHIVE_TTL_SECONDS),
        archive_batch_size=reader.number("ARCHIVE_BATCH_SIZE", 1000, 1, 1000),
        archive_concurrency=reader.number("ARCHIVE_CONCURRENCY", 8, 1, 64),
        archive_budget_seconds=reader.number("ARCHIVE_BUDGET_SECONDS", 240, 1, 280),
        max_message_bytes=reader.number("MAX_MESSAGE_BYTES", MAX_CONTENT_BYTES, 1, MAX_CONTENT_BYTES),
        model=read_model_settings(reader),
        log_hash_key=reader.secret("LOG_HASH_KEY") or _secret_of_all_instances(reader, emulator=emulator),
        http_streaming=reader.flag("HTTP_STREAMING"),
        init_indexing=reader.is_on_to_the_worker("PYTHON_ENABLE_INIT_INDEXING"),
        opentelemetry=any(list(map(reader.is_on_to_the_worker, OPENTELEMETRY))),
        port=reader.number("PORT", 7071, 0, 65_535),
        cors_origins=tuple(part.strip() for part in (reader.text("CORS_ORIGINS") or "").split(",") if part.strip()),
        instance=next(filter(None, map(reader.named, INSTANCE)), ""),
        given=reader.given(),
    )
    reader.refuse_misplaced()
    if reader.problems:
        raise SettingsError(reader.problems)
    return settings


def _choose_store(reader: "_Reader") -> StoreName:
    missing = not reader.named("COSMOS_ENDPOINT")
    store = reader.choice("STORE", STORES) or ("sqlite" if missing else "cosmos")
    if reader.on_azure and store == "sqlite" and not missing:
        reader.problems.append("STORE must be cosmos on Azure: files there do not outlive the instance.")
    elif missing and (store == "cosmos" or reader.on_azure):
        place = "on Azure" if reader.on_azure else "when STORE is cosmos"
        reader.problems.append(f"COSMOS_ENDPOINT is missing; it is required {place}.")
    elif reader.is_deployed and not reader.named("STORE") and missing:
        reason = "FUNCTIONS_WORKER_RUNTIME says that this is a deployed app, whose files may not outlive it"
        reader.problems.append(f"COSMOS_ENDPOINT is missing: {reason}. Set it, or STORE to sqlite if they do.")
    return store


def _secret_of_all_instances(reader: "_Reader", *, emulator: bool) -> str | None:
    """Return what every instance of a deployment has and no outsider: an emulator's key is known to everybody."""
    if (key := reader.named("COSMOS_KEY")) and not emulator:
        return key
    if not reader.on_azure:
        return None
    platforms = (reader.named("WEBSITE_AUTH_ENCRYPTION_KEY"), reader.named("MACHINEKEY_DecryptionKey"))
    storage = reader.named("AzureWebJobsStorage") or ""
    return next(filter(None, platforms), None) or (storage if "AccountKey=" in storage else None)


def _is_ttl(value: object) -> bool:
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    return value == KEEP or 1 <= value <= MAX_TTL_SECONDS


class _Reader:
    """Looks settings up by name and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str], root: Path) -> None:
        on_laptop = environ.get("AZURE_FUNCTIONS_ENVIRONMENT") == "Development"
        marks = AZURE_ONLY if on_laptop else AZURE_MARKS
        self.on_azure = any(environ.get(name) for name in marks)
        self.is_deployed = bool(environ.get("FUNCTIONS_WORKER_RUNTIME")) and not on_laptop
        self._environ = environ
        self._local = None if self.on_azure else LocalSettings(root)
        self._names: set[str] = set()
        self.problems: list[str] = list(self._local.problems) if self._local else []

    def refuse_misplaced(self) -> None:
        """Refuse settings that were asked for and stand where they do not count."""
        self.problems += self._local.misplaced(self._names) if self._local else []

    def named(self, name: str) -> str | None:
        """Return the value as it was given; None when missing or empty."""
        self._names.add(name)
        local = self._local.values.get(name, "") if self._local else ""
        return self._environ.get(name, "").strip() or local.strip() or None

    def given(self) -> tuple[str, ...]:
        """Return the names of the settings that were asked for and have a value."""
        return tuple(sorted(name for name in self._names if self.named(name)))

    def is_on_to_the_worker(self, name: str) -> bool:
        """Return whether Microsoft's worker, whose setting it is, takes it for true."""
        return (self.named(name) or "").lower() in TRUE_TO_THE_WORKER

    def _refuse(self, name: str, rule: str) -> None:
        """Refuse a value, which is repeated only where it cannot hold a secret."""
        self.problems.append(f"{name} {rule}{shown(self.named(name))}.")

    def text(self, name: str, check: Callable[[str], str | None] | None = None) -> str | None:
        value = self.named(name)
        complaint = check(value) if check and value else None
        if complaint:
            self._refuse(name, complaint)
            return None
        return value

    def address(self, name: str) -> str | None:
        """Return an account's address; what else was written there is never repeated."""
        value = self.named(name)
        if value and not ADDRESS.fullmatch(value):
            alone = "must be an address and nothing else, such as https://ACCOUNT.documents.azure.com"
            rule = CONNECTION_STRING if ";" in value else f"{alone}; the key belongs into COSMOS_KEY"
            self.problems.append(f"{name} {rule}.")
            return None
        return value

    def key(self, name: str) -> str | None:
        """Return an account key; a wrong one is not repeated, as it may be most of a right one."""
        value = self.named(name)
        try:
            b64decode(value or "", validate=True)
        except ValueError:
            rule = CONNECTION_STRING if ";" in (value or "") else "must be an account key in Base64"
            self.problems.append(f"{name} {rule}.")
        return value

    def secret(self, name: str) -> str | None:
        value = self.named(name)
        if value and len(value) < LEAST_SECRET_CHARACTERS:
            self.problems.append(f"{name} must have {LEAST_SECRET_CHARACTERS} characters or more.")  # as above
            return None
        return value

    def data_file(self, name: str, root: Path, *, used: bool) -> Path:
        """Return the path of SQLite's file, below `root` if it is relative; what names no file is refused if used."""
        value = self.named(name) or "data/parley.db"
        try:
            path = root / Path(value).expanduser()
        except RuntimeError:
            self._refuse(name, "begins with the home of somebody unknown here")
            return root
        if used and re.match(NO_FILE, value):
            self._refuse(name, "must be the path of a file, such as data/parley.db: no address, and nothing in memory")
        return path

    @staticmethod
    def resource_name(value: str) -> str | None:
        valid = re.fullmatch(r"[^/\\?#]{1,255}", value) and not holds_secret(value)
        return None if valid else "must have 1 to 255 characters, none of them / \\ ? #"

    @staticmethod
    def schedule(value: str) -> str | None:
        from shared.schedule import Schedule, ScheduleError  # noqa: PLC0415 - most leave the timer as it is

        try:
            Schedule(value)
        except ScheduleError as error:
            return str(error)
        return None

    def channel_ttls(self, name: str) -> dict[str, int]:
        """Read a JSON object of channels and their times to live."""
        try:
            ttls = json.loads(self.named(name) or "{}")
        except ValueError:
            ttls = None
        if isinstance(ttls, dict) and all(CHANNEL.fullmatch(key) and _is_ttl(ttl) for key, ttl in ttls.items()):
            return ttls
        rule = f"a JSON object of channels and seconds (-1, or 1 to {MAX_TTL_SECONDS})"
        self._refuse(name, f"must be {rule}")
        return {}

    def choice(self, name: str, allowed: tuple[Choice, ...]) -> Choice | None:
        value = self.named(name)
        match = next((choice for choice in allowed if value and value.lower() == choice), None)
        if value and match is None:
            self._refuse(name, f"must be {' or '.join(allowed)}")
        return match

    def flag(self, name: str) -> bool:
        return self.choice(name, ("true", "false", "1", "0")) in {"true", "1"}

    def number(self, name: str, default: int, low: int, high: int) -> int:
        return self._whole(name, default, lambda number: low <= number <= high, f"a whole number from {low} to {high}")

    def ttl(self, name: str, default: int) -> int:
        rule = f"-1 (keep) or 1 to {MAX_TTL_SECONDS} seconds"
        return self._whole(name, default, _is_ttl, rule)

    def _whole(self, name: str, default: int, allowed: Callable[[int], bool], rule: str) -> int:
        value = self.named(name)
        if value is None:
            return default
        if re.fullmatch(r"-?[0-9]{1,12}", value) and allowed(int(value)):
            return int(value)
        self._refuse(name, f"must be {rule}")
        return default
