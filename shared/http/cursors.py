"""Opaque cursors: a place in a list, bound to whose list it is and to what was asked."""

import binascii
import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from shared.freshness import current_freshness
from shared.http.problems import BadRequestError
from shared.models import JsonObject

TAG_BYTES = 8
Place = TypeVar("Place", bound=BaseModel)


def encode_cursor(place: BaseModel, *binding: object) -> str:
    """Return a cursor for this place that only the same binding can read back, with the state it is of.

    The tag is no secret: a cursor gives no access, it only keeps an honest client from using one
    where it does not belong, or a broken one anywhere.
    """
    token = current_freshness().token
    payload = place.model_dump_json(exclude_defaults=True).encode() + (b"\0" + token.encode() if token else b"")
    return _encode(_tag(payload, binding) + payload)


def asked_for(wanted: BaseModel, *, but: Collection[str] = ()) -> JsonObject:
    """Return what a filter says, but for some fields, to bind a cursor to: nothing that was left out.

    A filter that a later version adds leaves the cursors of before as they are.
    """
    return wanted.model_dump(mode="json", exclude=set(but), exclude_defaults=True)


def decode_cursor(cursor: str, model: type[Place], *binding: object) -> Place:
    """Return the place a cursor names, and let what is read next be no older than its state.

    Raises BadRequestError when it is broken or bound to something else.
    """
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        payload = raw[TAG_BYTES:]
        if raw[:TAG_BYTES] == _tag(payload, binding) and _encode(raw) == cursor:
            named, _, token = payload.partition(b"\0")
            current_freshness().hints.append(token.decode())
            return model.model_validate_json(named)
    except (binascii.Error, ValueError, ValidationError):
        pass  # the one answer below serves every way a cursor can be wrong
    message = "The cursor is broken, or belongs to another list."
    raise BadRequestError(message)


def _encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _tag(payload: bytes, binding: tuple[object, ...]) -> bytes:
    bound = json.dumps(binding, separators=(",", ":")).encode()
    return hashlib.sha256(bound + b"\0" + payload).digest()[:TAG_BYTES]
