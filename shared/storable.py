"""What every store can give back as it was: JSON within the bounds that all of them share."""

from enum import Enum
from typing import Any

MAX_DEPTH = 32
MAX_INTEGER = 2**53  # a JSON number is a double in Cosmos DB; beyond this whole numbers change


class Bound(Enum):
    """What a value has to keep to."""

    TEXT = "no lone surrogates in texts"
    INTEGER = "whole numbers within ±2^53"
    DOUBLE = "numbers that a double can hold"
    DEPTH = "a bounded nesting"


class UnstorableError(Exception):
    """A value that a store could not give back: which bound it breaks, and which part of it does."""

    def __init__(self, bound: Bound, value: object) -> None:
        """Keep both for whoever tells of it."""
        super().__init__(bound.value)
        self.bound, self.value = bound, value


def require_storable(value: Any, depth: int = 1) -> None:  # noqa: ANN401 - JSON of any shape
    """Raise UnstorableError for the first part of a value that no store could give back as it is."""
    if isinstance(value, str):
        _require(value.isascii() or _is_unicode(value), Bound.TEXT, value)
    elif isinstance(value, int):
        _require(-MAX_INTEGER <= value <= MAX_INTEGER, Bound.INTEGER, value)
    elif isinstance(value, float):
        _require(abs(value) != float("inf"), Bound.DOUBLE, value)
    elif isinstance(value, dict | list):
        _require(depth <= MAX_DEPTH, Bound.DEPTH, value)
        for item in value:
            require_storable(item, depth + 1)
            if isinstance(value, dict):
                require_storable(value[item], depth + 1)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _require(holds: bool, bound: Bound, value: object) -> None:  # noqa: FBT001 - an assertion with words
    if not holds:
        raise UnstorableError(bound, value)
