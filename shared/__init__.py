"""Parley: a memory for chat applications, on Azure Cosmos DB or on one SQLite file."""
