"""`chat` and what went with it: questions, each with its reply, in sessions named by the client."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StrictStr
from typing_extensions import TypedDict  # pydantic asks for this one before Python 3.12

from shared.errors import SessionArchivedError, SessionNotFoundError
from shared.http.answers import Time
from shared.http.call import Answer, Call
from shared.http.endpoint import Reply
from shared.http.legacy.asking import MADE, NO_REPLY, NOBODY, SESSION_ID, LegacyEndpoint, SessionQuery
from shared.http.legacy.history import older
from shared.http.legacy.turns import REPLY, SUCCESS, take_turn
from shared.legacy_ids import session_id_for
from shared.models import (
    JsonObject,
    Message,
    MessageInput,
    MessagePage,
    MessageQuery,
    Model,
    Nothing,
    Role,
    SessionTarget,
    format_time,
    meanings,
)
from shared.store.port import SessionStore

PAGE_MESSAGES = 200
HISTORY_BYTES = 8 * 1024 * 1024  # of messages in one answer, or a page more
ASKED = Field(description="What the user asks.")
HISTORY = {
    200: Reply(
        "Oldest first. `x-next-cursor` leads to older messages, as `cursor` of the session's messages route.",
        ("x-next-cursor",),
    )
}


class Question(Model):
    """What a user asks, and the id of the session it belongs to, in Parley or in the system it came from."""

    model_config = ConfigDict(extra="forbid")

    query: Annotated[StrictStr, ASKED]
    session_id: Annotated[StrictStr | None, meanings.SESSION] = None


class Answered(TypedDict):
    """What came of a question."""

    response: Annotated[str | None, REPLY]
    query: Annotated[str, ASKED]
    audio_files: Annotated[list[str], meanings.AUDIO_FILES]
    audio_provided: Annotated[Literal[False], Field(description="Always false: nothing is spoken here.")]
    conversation_length: Annotated[int, Field(description="How many messages the session has now.")]
    session_id: Annotated[str, meanings.SESSION]


class HistoryEntry(TypedDict):
    """A message."""

    message_id: Annotated[str, Field(description="The message's id.")]
    role: Annotated[Role, meanings.ROLE]
    content: Annotated[str | list[JsonObject], meanings.CONTENT]
    timestamp: Annotated[Time, meanings.CREATED_AT]
    audio_files: Annotated[list[str | JsonObject], meanings.AUDIO_FILES]
    function_calls: Annotated[list[str | JsonObject], meanings.FUNCTION_CALLS]
    metadata: Annotated[JsonObject, meanings.METADATA]


class ConversationHistory(TypedDict):
    """What was said in a session, oldest first."""

    session_id: Annotated[str, meanings.SESSION]
    history: Annotated[
        list[HistoryEntry],
        Field(description="All messages, oldest first; with `x-next-cursor` there are older ones."),
    ]


class ConversationStatus(TypedDict):
    """How much was said in a session, and when; the duration runs from the first to the last message."""

    session_id: Annotated[str, meanings.SESSION]
    message_count: Annotated[int, meanings.MESSAGE_COUNT]
    created_at: Annotated[Time, meanings.CREATED_AT]
    updated_at: Annotated[Time, meanings.UPDATED_AT]
    is_active: Annotated[bool, meanings.IS_ACTIVE]
    duration_seconds: Annotated[float, meanings.DURATION]


class SessionReset(TypedDict):
    """The session is empty."""

    success: Annotated[Literal[True], SUCCESS]
    session_id: Annotated[str, meanings.SESSION]


@LegacyEndpoint(
    answers={200: Reply("Stored.")},
    errors=(SessionArchivedError,),
    notes=f"{NO_REPLY} {MADE} {NOBODY}",
    waits_for_model=True,
)
async def ask(call: Call, body: Question) -> Answer[Answered]:
    """Ask a question in the chat named, or in a new one."""
    target = SessionTarget(session_id=session_id_for(body.session_id) if body.session_id else None)
    said = MessageInput(role="user", content=body.query)
    turn = await take_turn(call.chat, call.owner, target, said)
    return Answer(
        {
            "response": turn.reply,
            "query": body.query,
            "audio_files": [],
            "audio_provided": False,
            "conversation_length": turn.message_count,
            "session_id": turn.session_id,
        }
    )


@LegacyEndpoint(path={"session_id": SESSION_ID}, answers=HISTORY, notes=NOBODY)
async def history(call: Call) -> Answer[ConversationHistory]:
    """Read all of a chat.

    All that was said in a session, or the newest 8 MiB of it.
    """
    return await _history(call, call.session_id)


@LegacyEndpoint(answers=HISTORY, errors=(SessionNotFoundError,), notes=NOBODY)
async def load(call: Call, query: SessionQuery, body: Nothing) -> Answer[ConversationHistory]:  # noqa: ARG001 - it has to be empty
    """Load all of a chat.

    The same as the session's history: nothing has to be loaded here.
    """
    return await _history(call, query.session_id)


async def _history(call: Call, session_id: str) -> Answer[ConversationHistory]:
    found, page = await _everything(call.store, call.owner, session_id)
    body: ConversationHistory = {"session_id": session_id, "history": [_entry(message) for message in reversed(found)]}
    return Answer(body, headers=older(call, session_id, page))


async def _everything(store: SessionStore, user_id: str, session_id: str) -> tuple[list[Message], MessagePage]:
    """Return a session's messages, newest first, as far as one answer reaches, and the last page read."""
    query = MessageQuery(limit=PAGE_MESSAGES)
    found: list[Message] = []
    size = 0
    while True:
        page = await store.read_messages(user_id, session_id, query)
        found += page.messages
        size += sum(len(message.model_dump_json()) for message in page.messages)
        following = query.after_page(page)
        if following is None or size > HISTORY_BYTES:
            return found, page
        query = following


def _entry(message: Message) -> HistoryEntry:
    return {
        "message_id": message.id,
        "timestamp": format_time(message.created_at),
        "role": message.role,
        "content": message.content,
        "audio_files": message.audio_files,
        "function_calls": message.function_calls,
        "metadata": message.metadata,
    }


@LegacyEndpoint(answers={200: Reply("The counts.")}, errors=(SessionNotFoundError,), notes=NOBODY)
async def status(call: Call, query: SessionQuery) -> Answer[ConversationStatus]:
    """Tell how much was said in a chat, and when.

    How much was said in a session, and when.
    """
    session = await call.store.get(call.owner, query.session_id)
    stats = await call.store.stats(call.owner, query.session_id)
    return Answer(
        {
            "session_id": query.session_id,
            "created_at": format_time(session.created_at),
            "updated_at": format_time(session.updated_at),
            "message_count": stats.message_count,
            "is_active": stats.is_active,
            "duration_seconds": stats.duration_seconds,
        }
    )


@LegacyEndpoint(answers={200: Reply("Done.")}, errors=(SessionNotFoundError,), notes=NOBODY)
async def reset(call: Call, query: SessionQuery, body: Nothing) -> Answer[SessionReset]:  # noqa: ARG001 - it has to be empty
    """Forget what was said in a chat.

    Remove every message and keep the session, which may go on.
    """
    await call.store.clear(call.owner, query.session_id)
    return Answer({"success": True, "session_id": query.session_id})
