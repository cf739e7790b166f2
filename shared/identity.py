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


_STANDARD_ALPHABET = str.maketrans("-_", "+/")


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
    """Return the user's id from the principal that the platform passes on: from its claims, or else its `userId`.

    App Service writes claims as `{typ, val}`, others as `{type, value}`; a Static Web App sends no claims.
    """
    principal = _decoded(headers.get("x-ms-client-principal") or "")
    claims = principal.get("claims")
    values = dict(_pair(claim) for claim in claims if isinstance(claim, dict)) if isinstance(claims, list) else {}
    candidates = [*(values.get(name) for name in PRINCIPAL_CLAIMS), principal.get("userId")]
    found = next((candidate for candidate in candidates if candidate), None)
    return found if isinstance(found, str) else None


def _decoded(header: str) -> Mapping[str, object]:
    """Return the object in a header of Base64, of either alphabet, with its padding or without; else an empty one."""
    text = header.translate(_STANDARD_ALPHABET).rstrip("=")
    try:
        principal = json.loads(b64decode(text + "=" * (-len(text) % 4), validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return principal if isinstance(principal, dict) else {}


def _pair(claim: Mapping[str, object]) -> tuple[str, object]:
    return str(claim.get("typ") or claim.get("type")), claim.get("val") or claim.get("value")
