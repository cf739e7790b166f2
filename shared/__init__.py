"""Parley: a memory for chat applications, on Azure Cosmos DB or on one SQLite file.

Deployed to Azure, from the bottom up: `models` and `errors`, `settings`, `store` (the port and both adapters),
`service`, `http`, `archival`, and the single modules beside them. Never deployed (`.funcignore`): `local_host`, which
serves the functions on a developer's machine, `migrate`, which moves earlier systems in, and `openapi`, which writes
the document that `http` serves. Imports point downwards only; `make check` holds them to it.
"""
