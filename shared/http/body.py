"""Request bodies: JSON objects that every store can hold unchanged, and nothing else."""

import codecs
import json
from collections.abc import Mapping
from typing import NoReturn

from shared.errors import PayloadTooLargeError
from shared.http.problems import BadRequestError, LengthRequiredError, RuleError, UnsupportedMediaTypeError
from shared.models import JsonObject
from shared.storable import MAX_DEPTH, Bound, UnstorableError, require_storable

MAX_BODY_BYTES = 2 * 1024 * 1024
BYTE_ORDER_MARK = codecs.BOM_UTF8
RULES: Mapping[Bound, str] = {
    Bound.TEXT: "Text must not hold lone surrogates.",
    Bound.INTEGER: "Whole numbers must lie within ±2^53.",
    Bound.DOUBLE: "Numbers must fit a double.",
    Bound.DEPTH: f"The body is nested more than {MAX_DEPTH} levels deep.",
}


def require_length(body: bytes, transfer_encoding: str | None) -> None:
    """Raise LengthRequiredError for a body that was sent in chunks: the host hands on none of it."""
    if transfer_encoding and not body:
        raise LengthRequiredError


def is_blank(body: bytes) -> bool:
    """Return whether a body holds no JSON at all: nothing, white space, a byte order mark."""
    return not body.removeprefix(BYTE_ORDER_MARK).strip()


def parse_body(body: bytes, content_type: str | None) -> JsonObject:
    """Return the object a body holds, `{}` for an empty body; raises the error that says what is wrong with it."""
    if len(body) > MAX_BODY_BYTES:
        raise PayloadTooLargeError("The body", len(body), MAX_BODY_BYTES)
    if is_blank(body):
        return {}
    if content_type is not None and not _is_json(content_type):
        raise UnsupportedMediaTypeError
    value = _decode(body.removeprefix(BYTE_ORDER_MARK))
    if not isinstance(value, dict):
        message = "The body must be a JSON object."
        raise BadRequestError(message)
    try:
        require_storable(value)
    except UnstorableError as error:
        raise RuleError(RULES[error.bound]) from error
    return value


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _decode(body: bytes) -> object:
    try:
        return _DECODER.decode(body.decode("utf-8"))
    except RecursionError as error:
        message = "The body is nested too deeply."
        raise BadRequestError(message) from error
    except json.JSONDecodeError as error:
        message = f"The body is not valid JSON: it breaks off at line {error.lineno}, column {error.colno}."
        raise BadRequestError(message) from error
    except UnicodeDecodeError as error:
        message = f"The body is not UTF-8: the first byte that is none is number {error.start + 1}."
        raise BadRequestError(message) from error
    except ValueError as error:  # Python reads no whole number of more than 4,300 digits
        raise RuleError(RULES[Bound.INTEGER]) from error


def _no_constant(name: str) -> NoReturn:
    message = f"{name} is not JSON."
    raise BadRequestError(message)


_DECODER = json.JSONDecoder(parse_constant=_no_constant)  # json.loads would make one for each body
