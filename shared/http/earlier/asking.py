"""Whom and what a request to an earlier route names, by the rules of the systems it was written for."""

from functools import wraps

from shared.earlier_ids import session_id_for
from shared.http.boundary import Answer, Handler
from shared.http.call import Call
from shared.http.problems import BadRequestError
from shared.identity import signed_in_owner, trusted_owner

USUAL_OWNER = "default"  # what the earlier systems took where nobody was named, and their clients sent for nobody


def speaking_as_before(handler: Handler) -> Handler:
    """Let a handler answer requests that name no owner, or `default`, which counts as none.

    Where callers are trusted such a request speaks for `default`, elsewhere for the user who is signed in.
    """

    @wraps(handler)
    async def answer(call: Call) -> Answer:
        call.owner = _owner(call)
        return await handler(call)

    return answer


def _owner(call: Call) -> str:
    headers, settings = call._request.headers, call.chat.settings  # noqa: SLF001 - a call shows headers by name only
    in_body = call._body.get("user_id")  # noqa: SLF001 - a call shows its body without the owner
    sent = [headers.get("x-user-id"), *call.query.all("user_id"), in_body]
    named = [name for name in sent if name not in (None, "", USUAL_OWNER)]
    if settings.user_identity == "easyauth":
        return signed_in_owner(headers, named, enabled=settings.easyauth_enabled)
    return trusted_owner(named or [USUAL_OWNER])


def path_value(call: Call, name: str) -> str:
    """Return what the path says in this place; a slash in it, which hosts leave encoded, is a slash."""
    value: str = call._request.route_params.get(name, "")  # noqa: SLF001 - a call has names for Parley's own ids only
    return value.replace("%2F", "/").replace("%2f", "/")


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
