"""`chat` and what went with it: questions, each with its reply, in sessions named by the client."""

from pydantic import ConfigDict, StrictStr

from shared.earlier_ids import session_id_for
from shared.http.boundary import Answer
from shared.http.call import Call
from shared.http.earlier.asking import session_id_in_path, session_id_in_query, speaking_as_before
from shared.http.earlier.history import older
from shared.http.earlier.turns import take_turn
from shared.models import JsonObject, Message, MessageInput, MessagePage, MessageQuery, Model, Nothing, SessionTarget
from shared.store.port import SessionStore

PAGE_MESSAGES = 200
HISTORY_BYTES = 8 * 1024 * 1024  # of messages in one answer, or a page more


class Question(Model):
    """What a user asks, and the id of the session it belongs to, in Parley or in the system it came from."""

    model_config = ConfigDict(extra="forbid")

    query: StrictStr
    session_id: StrictStr | None = None


@speaking_as_before
async def ask(call: Call) -> Answer:
    """Store a question in the session named, or in a new one."""
    question = Question.model_validate(call.required_body())
    target = SessionTarget(session_id=session_id_for(question.session_id) if question.session_id else None)
    said = MessageInput(role="user", content=question.query)
    turn = await take_turn(call.chat, call.owner, target, said)
    return Answer(
        {
            "response": turn.reply,
            "query": question.query,
            "audio_files": [],
            "audio_provided": False,
            "conversation_length": turn.message_count,
            "session_id": turn.session_id,
        }
    )


@speaking_as_before
async def history(call: Call) -> Answer:
    """Return all that was said in the session that the path names."""
    return await _history(call, session_id_in_path(call))


@speaking_as_before
async def load(call: Call) -> Answer:
    """Return all that was said in the session that the query names."""
    Nothing.model_validate(call.body)
    return await _history(call, session_id_in_query(call))


async def _history(call: Call, session_id: str) -> Answer:
    found, page = await _everything(call.chat.store, call.owner, session_id)
    body = {"session_id": session_id, "history": [_entry(message) for message in reversed(found)]}
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
        following = query.behind(page)
        if following is None or size > HISTORY_BYTES:
            return found, page
        query = following


def _entry(message: Message) -> JsonObject:
    said = message.model_dump(mode="json")
    kept = {name: said[name] for name in ("role", "content", "audio_files", "function_calls", "metadata")}
    return {"message_id": said["id"], "timestamp": said["created_at"], **kept}


@speaking_as_before
async def status(call: Call) -> Answer:
    """Return how much was said in a session, and when."""
    session_id = session_id_in_query(call)
    session = await call.chat.store.get(call.owner, session_id)
    stats = await call.chat.store.stats(call.owner, session_id)
    times = session.model_dump(mode="json", include={"created_at", "updated_at"})
    counts = stats.model_dump(mode="json", include={"message_count", "is_active", "duration_seconds"})
    return Answer({"session_id": session_id, **times, **counts})


@speaking_as_before
async def reset(call: Call) -> Answer:
    """Remove all that was said in a session, and keep the session."""
    Nothing.model_validate(call.body)
    session_id = session_id_in_query(call)
    await call.chat.store.clear(call.owner, session_id)
    return Answer({"success": True, "session_id": session_id})
