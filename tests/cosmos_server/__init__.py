"""A Cosmos DB server for tests: a small REST server of ours around somebody else's SQL engine."""
