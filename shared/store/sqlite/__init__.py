"""Sessions in one SQLite file: the same promises as in Cosmos DB, with no Azure at all."""

from shared.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
