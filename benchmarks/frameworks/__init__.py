"""Each adapter of the Python client beside its framework's own store for Cosmos DB: real packages, the same turns."""
