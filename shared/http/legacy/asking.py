"""Whom and what a request to a legacy route names, by the rules of the systems it was written for."""

from collections.abc import Iterator
from functools import partial
from typing import Annotated

from pydantic import AfterValidator, Field

from shared.errors import SessionNotFoundError
from shared.http.call import Call
from shared.http.endpoint import Endpoint
from shared.http.parameters import PathParameter
from shared.http.query import QueryModel
from shared.legacy_ids import session_id_for

USUAL_OWNER = "default"  # what the earlier systems took where nobody was named, and their clients sent for nobody
NOBODY = "Without an owner, or for `default`, it is for `default`, or for whoever is signed in."
NO_REPLY = (
    "The model that is configured replies; without one, or where it fails, the words are stored and the reply is null."
)
MADE = "An unknown `session_id` makes a session of that id; one that Parley's grammar forbids becomes `x-` and a hash."
OLD_ID = "The session: the id it has here or had in the system it came from."


def unslashed(value: str) -> str:
    """Return what the path says in this place; a slash in it, which hosts leave encoded, is a slash."""
    return value.replace("%2F", "/").replace("%2f", "/")


def _session_id(value: str) -> str:
    """Return Parley's id for the session that the path names."""
    return session_id_for(unslashed(value))


SESSION_ID = PathParameter(
    OLD_ID, "abc123", {"type": "string", "minLength": 1}, error=SessionNotFoundError, read=_session_id
)
OldSessionId = Annotated[str, Field(min_length=1), AfterValidator(session_id_for)]


class SessionQuery(QueryModel):
    """Which session, by its id here or in the system it came from."""

    session_id: OldSessionId = Field(description=OLD_ID)


def legacy_owner(call: Call) -> str:
    """Return whom a request speaks for that may name no owner, or `default`, which counts as none.

    Where callers are trusted that is `default`, elsewhere the user who is signed in.
    """
    return call.owner_among(_named(call))


def _named(call: Call) -> Iterator[object]:
    named = [name for name in call.named_owners if name not in (None, "", USUAL_OWNER)]
    usual = [USUAL_OWNER] if call.chat.settings.user_identity == "trusted" else []
    yield from named or usual


LegacyEndpoint = partial(Endpoint, tag="Earlier routes", owner=legacy_owner, owner_optional=True, deprecated=True)
