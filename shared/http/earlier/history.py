"""`chat/history` and `chat/message`: the latest chat and one more message, before there were sessions to name."""

from contextlib import suppress

from pydantic import StrictStr

from shared.earlier_ids import session_id_for
from shared.errors import SessionNotFoundError
from shared.http import messages
from shared.http.boundary import Answer
from shared.http.call import Call
from shared.http.earlier.asking import session_id_in_query, speaking_as_before
from shared.models import MessageInput, MessagePage, Session, SessionFilter, SessionTarget

MOST_MESSAGES, USUAL_MESSAGES = 200, 50


class MessageSomewhere(MessageInput):
    """A message, and the id of the session it goes to, in Parley or in the system it came from."""

    session_id: StrictStr | None = None


@speaking_as_before
async def latest(call: Call) -> Answer:
    """Return the newest messages of the session named, else of the one that was active last, oldest first."""
    limit = call.query.number("limit", 1, MOST_MESSAGES) or USUAL_MESSAGES
    if call.query.one("session_id") is None:
        found = await _latest(call, limit)
    else:
        found = await call.chat.store.read(call.owner, session_id_in_query(call), limit)
    if found is None:
        return Answer({"session_id": None, "messages": [], "message_count": 0})
    session, page = found
    body = {
        "session_id": session.id,
        "messages": page.messages[::-1],
        "message_count": session.message_count,
    }
    return Answer(body, headers=older(call, session.id, page))


async def _latest(call: Call, limit: int) -> tuple[Session, MessagePage] | None:
    after = None
    while True:
        listed = await call.chat.store.list_sessions(call.owner, SessionFilter(), 1, after)
        for session in listed.sessions:
            with suppress(SessionNotFoundError):  # it may be gone since it was listed
                return await call.chat.store.read(call.owner, session.id, limit)
        after = listed.next_key
        if after is None:
            return None


def older(call: Call, session_id: str, page: MessagePage) -> dict[str, str]:
    """Return the header that leads to the messages before a page; the session's own messages route takes it."""
    call.session_id = session_id  # a cursor is bound to it
    cursor = messages.messages_cursor(call, page, "desc")
    return {"x-next-cursor": cursor} if cursor else {}


@speaking_as_before
async def send(call: Call) -> Answer:
    """Store a message in the session named, or in a new one."""
    message = MessageSomewhere.model_validate(call.required_body())
    target = SessionTarget(session_id=session_id_for(message.session_id) if message.session_id else None)
    session_id, appended = await call.chat.append_anywhere(
        call.owner, target, [message], call.idempotency_key("POST /message")
    )
    return messages.appended_answer(session_id, appended)
