"""`chat/history` and `chat/message`: the latest chat and one more message, before there were sessions to name."""

from contextlib import suppress
from typing import Annotated

from pydantic import Field, StrictStr
from typing_extensions import TypedDict  # pydantic asks for this one before Python 3.12

from shared.errors import SessionNotFoundError
from shared.http import messages
from shared.http.call import Answer, Call
from shared.http.endpoint import Reply
from shared.http.legacy.asking import MADE, NOBODY, OLD_ID, LegacyEndpoint, OldSessionId
from shared.http.parameters import IDEMPOTENCY_KEY
from shared.http.query import WHOLE_NUMBER, QueryModel
from shared.legacy_ids import session_id_for
from shared.models import Message, MessageInput, MessagePage, Session, SessionFilter, SessionTarget, meanings


class HistoryQuery(QueryModel):
    """Which session, if not the latest one, and how much of it."""

    session_id: OldSessionId | None = Field(default=None, description=OLD_ID)
    limit: Annotated[int, Field(ge=1, le=200), WHOLE_NUMBER] = Field(
        default=50, description="How many messages at most."
    )


class MessageSomewhere(MessageInput):
    """A message, and the id of the session it goes to, in Parley or in the system it came from."""

    session_id: Annotated[StrictStr | None, meanings.SESSION] = None


class LatestHistory(TypedDict):
    """The newest messages of a session, oldest of them first; null, none and 0 where there is no session."""

    session_id: Annotated[str | None, meanings.SESSION]
    messages: Annotated[list[Message], meanings.MESSAGES]
    message_count: Annotated[int, meanings.MESSAGE_COUNT]


@LegacyEndpoint(
    answers={
        200: Reply(
            "They are; `x-next-cursor` leads to older ones, as `cursor` of the session's messages route.",
            ("x-next-cursor",),
        )
    },
    errors=(SessionNotFoundError,),
    notes=NOBODY,
)
async def latest(call: Call, query: HistoryQuery) -> Answer[LatestHistory]:
    """Read the latest chat, or the one named.

    The newest messages of the session named, else of the active one that was used last.
    """
    if query.session_id is None:
        found = await _latest(call, query.limit)
    else:
        found = await call.store.read(call.owner, query.session_id, query.limit)
    if found is None:
        return Answer({"session_id": None, "messages": [], "message_count": 0})
    session, page = found
    body: LatestHistory = {
        "session_id": session.id,
        "messages": page.messages[::-1],
        "message_count": session.message_count,
    }
    return Answer(body, headers=older(call, session.id, page))


async def _latest(call: Call, limit: int) -> tuple[Session, MessagePage] | None:
    after = None
    while True:
        listed = await call.store.list_sessions(call.owner, SessionFilter(), 1, after)
        for session in listed.sessions:
            with suppress(SessionNotFoundError):  # it may be gone since it was listed
                return await call.store.read(call.owner, session.id, limit)
        after = listed.next_key
        if after is None:
            return None


def older(call: Call, session_id: str, page: MessagePage) -> dict[str, str]:
    """Return the header that leads to the messages before a page; the session's own messages route takes it."""
    cursor = messages.messages_cursor(call, session_id, page, "desc")
    return {"x-next-cursor": cursor} if cursor else {}


@LegacyEndpoint(
    headers=(IDEMPOTENCY_KEY,),
    answers={200: Reply("It was stored before."), 201: Reply("Stored.")},
    errors=messages.APPENDING_ERRORS,
    notes=f"{MADE} {NOBODY}",
)
async def send(call: Call, body: MessageSomewhere) -> Answer[messages.AppendedMessages]:
    """Send a message to the chat named, or to a new one.

    `POST /api/chat/messages` for one message.
    """
    target = SessionTarget(session_id=session_id_for(body.session_id) if body.session_id else None)
    session_id, appended = await call.chat.append_anywhere(
        call.owner, target, [body], call.idempotency_key("POST /message")
    )
    return messages.appended_answer(session_id, appended)
