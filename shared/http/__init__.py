"""HTTP: requests in, responses and problem documents out; handlers by resource."""
