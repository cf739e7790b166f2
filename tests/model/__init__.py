"""A real model on this machine: what serves it, and the turns that are tried on it (`make test-model`)."""
