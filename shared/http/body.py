"""Request bodies: JSON objects that every store can hold unchanged, and nothing else."""

import json
from typing import Any, NoReturn

from shared.errors import PayloadTooLargeError
from shared.http.problems import BadRequestError, RuleError, UnsupportedMediaTypeError
from shared.models import JsonObject

MAX_BODY_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_INTEGER = 2**53  # a JSON number is a double in Cosmos DB; beyond this whole numbers change
INTEGER_RULE = "Whole numbers must lie within ±2^53."


def parse_body(body: bytes, content_type: str | None) -> JsonObject:
    """Return the object a body holds, `{}` for an empty body; raises the error that says what is wrong with it."""
    if len(body) > MAX_BODY_BYTES:
        raise PayloadTooLargeError("The body", len(body), MAX_BODY_BYTES)
    if not body.strip():
        return {}
    if content_type is not None and not _is_json(content_type):
        raise UnsupportedMediaTypeError
    value = _decode(body)
    if not isinstance(value, dict):
        message = "The body must be a JSON object."
        raise BadRequestError(message)
    _check(value, 1)
    return value


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _decode(body: bytes) -> object:
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except RecursionError as error:
        message = "The body is nested too deeply."
        raise BadRequestError(message) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        message = "The body is not valid JSON in UTF-8."
        raise BadRequestError(message) from error
    except ValueError as error:  # Python reads no whole number of more than 4,300 digits
        raise RuleError(INTEGER_RULE) from error


def _no_constant(name: str) -> NoReturn:
    message = f"{name} is not JSON."
    raise BadRequestError(message)


def _check(value: Any, depth: int) -> None:  # noqa: ANN401 - JSON of any shape
    """Refuse what a store could not give back as it was sent."""
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, int):
        _require(-MAX_INTEGER <= value <= MAX_INTEGER, INTEGER_RULE)
    elif isinstance(value, float):
        _require(abs(value) != float("inf"), "Numbers must fit a double.")
    elif isinstance(value, dict | list):
        _require(depth <= MAX_DEPTH, f"The body is nested more than {MAX_DEPTH} levels deep.")
        for item in value:
            _check(item, depth + 1)
            if isinstance(value, dict):
                _check(value[item], depth + 1)


def _check_text(text: str) -> None:
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        message = "Text must not hold lone surrogates."
        raise RuleError(message) from error


def _require(holds: bool, message: str) -> None:  # noqa: FBT001 - an assertion with words
    if not holds:
        raise RuleError(message)
