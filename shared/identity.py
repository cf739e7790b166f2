"""Whose request is this: one owner, named once or agreed upon, never guessed."""

import binascii
import hashlib
import json
from base64 import b64decode
from collections.abc import Iterable, Mapping

from shared.errors import ParleyError
from shared.models import USER_ID


class OwnerError(ParleyError):
    """The request does not say clearly whom it speaks for."""


class UnauthenticatedError(ParleyError):
    """Nobody is signed in."""


class ForbiddenError(ParleyError):
    """The user_id that was sent is not the user who is signed in."""


PRINCIPAL_CLAIMS = (  # the user's id by preference; learn: app-service/configure-authentication-user-identities
    "oid",
    "http://schemas.microsoft.com/identity/claims/objectidentifier",
    "sub",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier",
)


def trusted_owner(named: Iterable[object]) -> str:
    """Return the one owner that header, query and body name; raises OwnerError for none, several or a bad one.

    For callers that are trusted to say whom they speak for: a backend with the function key, or a
    laptop. None and the empty text count as not named.
    """
    owners = [owner for owner in named if owner is not None and owner != ""]
    if not owners:
        message = "Say whose request this is: the header x-user-id, or user_id in the query or the body."
        raise OwnerError(message)
    owner = owners[0]
    if any(other != owner for other in owners):
        message = "The request names different owners in x-user-id, in the query or in the body."
        raise OwnerError(message)
    if not isinstance(owner, str) or not USER_ID.fullmatch(owner):
        message = "user_id must have 1 to 128 characters, none of them / \\ ? # or a control character."
        raise OwnerError(message)
    return owner


def signed_in_owner(headers: Mapping[str, str], named: Iterable[object], *, enabled: bool) -> str:
    """Return the user whom App Service Authentication has signed in, as an owner.

    Raises UnauthenticatedError when there is none, or unless `enabled`: without the platform in front
    anybody can send its headers. Raises ForbiddenError when the request names somebody else. A
    principal that cannot be a user_id becomes `h-` and its SHA-256.
    """
    principal = (headers.get("x-ms-client-principal-id") or _claimed(headers)) if enabled else None
    if not principal:
        raise UnauthenticatedError
    digest = hashlib.sha256(principal.encode("utf-8", "surrogatepass")).hexdigest()
    owner = principal if USER_ID.fullmatch(principal) else f"h-{digest}"
    if any(other not in (owner, principal) for other in named if other is not None and other != ""):
        raise ForbiddenError
    return owner


def _claimed(headers: Mapping[str, str]) -> str | None:
    """Return the user's id from the claims that the platform passes on."""
    try:
        claims = json.loads(b64decode(headers.get("x-ms-client-principal") or "", validate=True))["claims"]
        values = {claim["typ"]: claim["val"] for claim in claims}
    except (binascii.Error, ValueError, KeyError, TypeError, RecursionError):
        return None
    found = next((values[name] for name in PRINCIPAL_CLAIMS if values.get(name)), None)
    return found if isinstance(found, str) else None
