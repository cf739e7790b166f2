"""Handlers for sessions."""

from shared.errors import PreconditionFailedError
from shared.http.boundary import Answer
from shared.http.call import Call
from shared.http.cursors import decode_cursor, encode_cursor
from shared.http.etags import chosen, names
from shared.http.messages import messages_cursor
from shared.models import (
    CHANNEL,
    ForkInput,
    Nothing,
    Session,
    SessionChanges,
    SessionFilter,
    SessionInput,
    SessionKey,
    Status,
)

STATUSES: tuple[Status, ...] = ("active", "archived")


def _answer(session: Session, status: int = 200, **headers: str) -> Answer:
    return Answer(session, status, {"ETag": session.etag, **headers})


async def create(call: Call) -> Answer:
    """Create a session."""
    owner, wanted = call.owner, SessionInput.model_validate(call.body)
    session, created = await call.chat.create_session(owner, wanted, call.idempotency_key("POST /sessions"))
    return _answer(session, 201 if created else 200, Location=f"/api/chat/sessions/{session.id}")


async def list_all(call: Call) -> Answer:
    """List the owner's sessions, last activity first."""
    owner, wanted = call.owner, _filter(call)
    limit = call.query.number("limit", 1, 100) or 20
    binding = (owner, "sessions", wanted.model_dump(mode="json"))
    cursor = call.query.one("cursor")
    after = decode_cursor(cursor, SessionKey, *binding) if cursor else None
    page = await call.chat.store.list_sessions(owner, wanted, limit, after)
    return Answer(
        {
            "data": page.sessions,
            "has_more": page.has_more,
            "next_cursor": encode_cursor(page.next_key, *binding) if page.next_key else None,
        }
    )


def _filter(call: Call) -> SessionFilter:
    status = call.query.choice("status", (*STATUSES, "all")) or "active"
    return SessionFilter(
        status=next((known for known in STATUSES if known == status), None),
        channel=call.query.matching("channel", CHANNEL),
        tags=sorted(set(call.query.all("tag"))),
        pinned=call.query.flag("pinned"),
        name=call.query.text("name", 200),
    )


async def read(call: Call) -> Answer:
    """Return a session with its newest messages, oldest of them first."""
    owner, session_id = call.owner, call.session_id
    limit = call.query.number("limit", 1, 200) or 50
    session, page = await call.chat.store.read(owner, session_id, limit)
    if names(call.header("if-none-match"), session.etag):
        return Answer(None, 304, {"ETag": session.etag})
    body = session.model_dump(mode="json") | {
        "messages": page.messages[::-1],
        "has_more": page.has_more,
        "next_cursor": messages_cursor(call, page, order="desc"),
    }
    return Answer(body, 200, {"ETag": session.etag})


async def change(call: Call) -> Answer:
    """Change a session's settings."""
    owner, session_id = call.owner, call.session_id
    changes = SessionChanges.model_validate(call.body)
    return _answer(await call.chat.store.update(owner, session_id, changes, await _if_match(call)))


async def _if_match(call: Call) -> str | None:
    """Return the version that the caller wants to change, None for any."""
    wanted = chosen(call.header("if-match"))
    if len(wanted) > 1:  # the store compares with one; find out which of them could hold
        current = (await call.chat.store.get(call.owner, call.session_id)).etag
        wanted = [tag for tag in wanted if tag == current]
        if not wanted:
            raise PreconditionFailedError
    return wanted[0] if wanted else None


async def delete(call: Call) -> Answer:
    """Delete a session and every message of it."""
    await call.chat.store.delete(call.owner, call.session_id, await _if_match(call))
    return Answer(None, 204)


async def archive(call: Call) -> Answer:
    """Archive a session; one that is archived already stays as it is."""
    return await _set_active(call, is_active=False)


async def restore(call: Call) -> Answer:
    """Restore an archived session; an active one stays as it is."""
    return await _set_active(call, is_active=True)


async def _set_active(call: Call, *, is_active: bool) -> Answer:
    owner, session_id = call.owner, call.session_id
    Nothing.model_validate(call.body)
    changes = SessionChanges(is_active=is_active)
    return _answer(await call.chat.store.update(owner, session_id, changes, await _if_match(call)))


async def fork(call: Call) -> Answer:
    """Make a session of its own from a session's messages, up to one of them."""
    owner, session_id = call.owner, call.session_id
    wanted = ForkInput.model_validate(call.body)
    forked = await call.chat.fork(owner, session_id, wanted.after_seq)
    return _answer(forked, 201, Location=f"/api/chat/sessions/{forked.id}")


async def stats(call: Call) -> Answer:
    """Return a session's counts."""
    return Answer(await call.chat.store.stats(call.owner, call.session_id))
