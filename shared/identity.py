"""Whose request is this: one owner, named once or agreed upon, never guessed."""

from collections.abc import Iterable

from shared.errors import ParleyError
from shared.models import USER_ID


class OwnerError(ParleyError):
    """The request does not say clearly whom it speaks for."""


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
