"""Whom and what a request to an earlier route names, by the rules of the systems it was written for."""

from collections.abc import Iterator
from functools import wraps

from shared.earlier_ids import session_id_for
from shared.http.boundary import Answer, Handler
from shared.http.call import Call
from shared.http.problems import BadRequestError

USUAL_OWNER = "default"  # what the earlier systems took where nobody was named, and their clients sent for nobody


def speaking_as_before(handler: Handler) -> Handler:
    """Let a handler answer requests that name no owner, or `default`, which counts as none.

    Where callers are trusted such a request speaks for `default`, elsewhere for the user who is signed in.
    """

    @wraps(handler)
    async def answer(call: Call) -> Answer:
        call.owner = call.owner_among(_named(call))
        return await handler(call)

    return answer


def _named(call: Call) -> Iterator[object]:
    named = [name for name in call.named_owners if name not in (None, "", USUAL_OWNER)]
    usual = [USUAL_OWNER] if call.chat.settings.user_identity == "trusted" else []
    yield from named or usual


def path_value(call: Call, name: str) -> str:
    """Return what the path says in this place; a slash in it, which hosts leave encoded, is a slash."""
    return call.route(name).replace("%2F", "/").replace("%2f", "/")


def session_id_in_path(call: Call) -> str:
    """Return Parley's id for the session that the path names."""
    return session_id_for(path_value(call, "session_id"))


def session_id_in_query(call: Call) -> str:
    """Return Parley's id for the session that the query names, which it has to."""
    named = call.query.one("session_id")
    if named is None:
        message = "session_id is required in the query."
        raise BadRequestError(message)
    return session_id_for(named)
