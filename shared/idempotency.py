"""Idempotency keys: the same key gives the same ids, so that a repeat finds what the first request stored."""

import hashlib
import json
import uuid
from dataclasses import dataclass

from pydantic import BaseModel

from shared.models import stored_json

NAMESPACE = uuid.UUID("6f1d2a52-64a5-5b0e-9a52-1f8c1a6f7f0e")  # of Parley's derived ids; never changes


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A key that an owner's client has chosen for one request to one route."""

    owner: str
    route: str
    key: str

    def id_of(self, index: int, session_id: str = "") -> str:
        """Return the id of the index-th thing the request makes, a UUIDv5; messages name their session."""
        return str(uuid.uuid5(NAMESPACE, json.dumps([self.owner, self.route, session_id, self.key, index])))


def fingerprint(body: BaseModel) -> str:
    """Return a hash by which a repeated body is told from another one."""
    fields = body.model_dump(mode="json", exclude_unset=True)
    return hashlib.sha256(stored_json(_canonical(fields)).encode()).hexdigest()[:32]


def _canonical(value: object) -> object:
    """Return the one form of all JSON that says the same: names in order, whole numbers without a fraction."""
    if isinstance(value, dict):
        return {name: _canonical(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
