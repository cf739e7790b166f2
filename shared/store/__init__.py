"""Where sessions live: the port, its two adapters, and the way to open one of them."""

from shared.settings import Settings
from shared.store.port import SessionStore


def open_store(settings: Settings) -> SessionStore:
    """Return the store that the settings name; it connects at its first use, inside the running loop."""
    if settings.store == "cosmos":
        from shared.store.cosmos import CosmosStore  # noqa: PLC0415 - a laptop never pays for the SDK's import

        return CosmosStore.from_settings(settings)
    from shared.store.sqlite import SqliteStore  # noqa: PLC0415 - and Azure never for sqlite3

    return SqliteStore(settings.sqlite_path, archive_ttl_seconds=settings.archive_ttl_seconds)
