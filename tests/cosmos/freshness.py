"""How a session token is handed on from one answer to the next request, as the HTTP layer does it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec


@dataclass
class Nothing:
    """What a store that knows no tokens tells."""

    token: str | None = None


@contextmanager
def handing_on(token: str | None) -> Iterator[Nothing]:
    """Have what is asked inside see at least the state that the token is of; `token` of the result is the next one."""
    if find_spec("shared.freshness") is None:
        yield Nothing()
        return
    with import_module("shared.freshness").fresh_as(token) as fresh:
        yield fresh
