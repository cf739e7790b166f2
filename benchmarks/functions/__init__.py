"""Parley's functions on Microsoft's own runtime, in processes of their own that `.venv-worker` runs."""
