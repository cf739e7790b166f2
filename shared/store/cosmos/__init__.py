"""The Cosmos DB adapter: one small head document per session, and pages of older messages."""

from shared.store.cosmos.store import CosmosStore

__all__ = ["CosmosStore"]
