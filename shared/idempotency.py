"""Idempotency keys: the same key gives the same ids, so that a repeat finds what the first request stored."""

import hashlib
import json
import uuid
from typing import NamedTuple

from pydantic import BaseModel

from shared.models import canonical_json

NAMESPACE = uuid.UUID("6f1d2a52-64a5-5b0e-9a52-1f8c1a6f7f0e")  # of Parley's derived ids; never changes


class IdempotencyKey(NamedTuple):
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
    return hashlib.sha256(canonical_json(fields).encode()).hexdigest()[:32]
