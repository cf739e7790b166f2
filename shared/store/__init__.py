"""Where sessions live: the port, its two adapters, and the way to open one of them."""

import logging

from shared.errors import StoreError, StoreThrottledError, StoreUnusableError
from shared.settings import Settings
from shared.store.port import SessionStore


def open_store(settings: Settings) -> SessionStore:
    """Return the store that the settings name; it connects at its first use, inside the running loop."""
    if settings.store == "cosmos":
        from shared.store.cosmos import CosmosStore  # noqa: PLC0415 - a laptop never pays for the SDK's import

        return CosmosStore.from_settings(settings)
    from shared.store.sqlite import SqliteStore  # noqa: PLC0415 - and Azure never for sqlite3

    return SqliteStore(settings.sqlite_path, archive_ttl_seconds=settings.archive_ttl_seconds)


def explained(error: StoreError) -> str:
    """Return why the store failed, for whoever runs a command at a terminal; the middle of a sentence."""
    if isinstance(error, StoreUnusableError):
        return f"the store cannot be used: {error.reason}"
    if isinstance(error, StoreThrottledError):
        return "the store is over its provisioned rate; try again later"
    return "the store does not answer; check its settings, the network and the account's firewall"


def keep_quiet() -> None:
    """Print nothing of what the stores, their SDK and events log, in a command that says itself what went wrong."""
    for name in ("shared.store", "azure", "parley.events"):
        logging.getLogger(name).addHandler(logging.NullHandler())
