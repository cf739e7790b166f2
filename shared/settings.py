"""The only reader of the environment: every setting, its default, and what is wrong with it."""

import json
import os
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import urlsplit

from shared.models import CHANNEL, KEEP, MAX_TTL_SECONDS
from shared.schedule import Schedule, ScheduleError

PROJECT_ROOT = Path(__file__).resolve().parent.parent
MAX_CONTENT_BYTES = 262_144  # a quarter of the largest request body; the 2 MB item limit leaves room
LEAST_SECRET_CHARACTERS = 16  # what is shorter can be found by trying

StoreName = Literal["sqlite", "cosmos"]
STORES: tuple[StoreName, ...] = ("sqlite", "cosmos")
IdentityMode = Literal["trusted", "easyauth"]
IDENTITY_MODES: tuple[IdentityMode, ...] = ("trusted", "easyauth")
Choice = TypeVar("Choice", bound=str)


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
    log_hash_key: str | None = field(repr=False)
    port: int
    cors_origins: tuple[str, ...]


def load_settings(environ: Mapping[str, str] | None = None, root: Path = PROJECT_ROOT) -> Settings:
    """Read the environment, then `Values` of local.settings.json under `root`; the environment wins.

    An empty value counts as missing. Raises SettingsError naming every bad or missing setting.
    """
    reader = _Reader(os.environ if environ is None else environ, root / "local.settings.json")
    emulator = reader.flag("COSMOS_EMULATOR")
    settings = Settings(
        store=_choose_store(reader),
        sqlite_path=root / reader.path("SQLITE_PATH", "data/parley.db"),
        cosmos_endpoint=reader.text("COSMOS_ENDPOINT", reader.url),
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
        archive_ttl_seconds=reader.ttl("ARCHIVE_TTL_SECONDS", 31_536_000),
        archive_batch_size=reader.number("ARCHIVE_BATCH_SIZE", 1000, 1, 1000),
        archive_concurrency=reader.number("ARCHIVE_CONCURRENCY", 8, 1, 64),
        archive_budget_seconds=reader.number("ARCHIVE_BUDGET_SECONDS", 240, 1, 280),
        max_message_bytes=reader.number("MAX_MESSAGE_BYTES", MAX_CONTENT_BYTES, 1, MAX_CONTENT_BYTES),
        log_hash_key=reader.secret("LOG_HASH_KEY") or _secret_of_all_instances(reader, emulator=emulator),
        port=reader.number("PORT", 7071, 0, 65_535),
        cors_origins=tuple(part.strip() for part in (reader.text("CORS_ORIGINS") or "").split(",") if part.strip()),
    )
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

    def __init__(self, environ: Mapping[str, str], local_settings: Path) -> None:
        self.problems: list[str] = []
        azure_marks = any(environ.get(name) for name in ("WEBSITE_INSTANCE_ID", "WEBSITE_SITE_NAME"))
        self.on_azure = azure_marks and environ.get("AZURE_FUNCTIONS_ENVIRONMENT") != "Development"
        self._environ = environ
        self._local = {} if self.on_azure else self._read_local(local_settings)

    def _read_local(self, path: Path) -> dict[str, str]:
        try:
            values = json.loads(path.read_text("utf-8-sig")).get("Values", {})
            return {name: str(value) for name, value in values.items() if value is not None}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError) as error:
            self.problems.append(f"local.settings.json cannot be read: {error}.")
            return {}

    def named(self, name: str) -> str | None:
        """Return the value as it was given; None when missing or empty."""
        return self._environ.get(name, "").strip() or self._local.get(name, "").strip() or None

    def text(self, name: str, check: Callable[[str], str | None] | None = None) -> str | None:
        value = self.named(name)
        complaint = check(value) if check and value else None
        if complaint:
            self.problems.append(f"{name} {complaint}, not {value!r}.")
            return None
        return value

    def key(self, name: str) -> str | None:
        value = self.named(name)
        try:
            b64decode(value or "", validate=True)
        except ValueError:
            self.problems.append(f"{name} must be an account key in Base64.")  # which is not repeated: it is a secret
        return value

    def secret(self, name: str) -> str | None:
        value = self.named(name)
        if value and len(value) < LEAST_SECRET_CHARACTERS:
            self.problems.append(f"{name} must have {LEAST_SECRET_CHARACTERS} characters or more.")  # as above
            return None
        return value

    def path(self, name: str, default: str) -> Path:
        value = self.named(name) or default
        try:
            return Path(value).expanduser()
        except RuntimeError:
            self.problems.append(f"{name} begins with the home of somebody unknown here: {value!r}.")
            return Path(default)

    @staticmethod
    def url(value: str) -> str | None:
        try:
            parts = urlsplit(value)
            valid = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError:  # brackets without an address in them, a port that is no number
            valid = False
        return None if valid else "must be an address such as https://ACCOUNT.documents.azure.com"

    @staticmethod
    def resource_name(value: str) -> str | None:
        valid = re.fullmatch(r"[^/\\?#]{1,255}", value)
        return None if valid else "must have 1 to 255 characters, none of them / \\ ? #"

    @staticmethod
    def schedule(value: str) -> str | None:
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
        self.problems.append(f"{name} must be {rule}, not {self.named(name)!r}.")
        return {}

    def choice(self, name: str, allowed: tuple[Choice, ...]) -> Choice | None:
        value = self.named(name)
        match = next((choice for choice in allowed if value and value.lower() == choice), None)
        if value and match is None:
            self.problems.append(f"{name} must be {' or '.join(allowed)}, not {value!r}.")
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
        self.problems.append(f"{name} must be {rule}, not {value!r}.")
        return default
