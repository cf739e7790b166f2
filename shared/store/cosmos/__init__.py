"""The Cosmos DB adapter: one small head document per session, and sealed pages behind it."""

from shared.store.cosmos.store import CosmosStore

__all__ = ["CosmosStore"]
