"""The functions on the runtime that Azure runs for Python 3.13; `make test-worker` installs it and runs these tests."""
