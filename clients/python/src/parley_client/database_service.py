"""Conversation logs as the earlier `DatabaseService` kept them: the same calls, asynchronous, on Parley."""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from parley_client.aio import AsyncParley
from parley_client.answers import Message
from parley_client.calls import JsonObject
from parley_client.errors import ParleyError, UnavailableError
from parley_client.exchange import Patience
from parley_client.names import session_id_for, with_originals
from parley_client.plain import plain
from parley_client.roles import role_of, written_role

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

USER: Final = "default"  # the earlier system knew no users; the importer's default too
OWN_FIELDS: Final = frozenset(
    {"session_id", "timestamp", "message_type", "content", "persona", "audio_file", "transcription_confidence"}
)
NOT_FOUND: Final = "session_not_found"
ROUNDS: Final = 10  # of a message, where somebody archives its session beside us all the time


class DatabaseService:
    """Logs conversations, in any loop; like the earlier one it never raises when that fails, but logs it.

    Failures then read as False, an empty list, None or zeroes, as they did. With `strict` they are raised.
    """

    def __init__(self, parley: AsyncParley | None = None, *, user: str = USER, strict: bool = False) -> None:
        """Speak through this client, else through one of the environment's (PARLEY_URL), for one user."""
        self._parley = parley.speaking_for(user) if parley else AsyncParley(user=user, patience=Patience(seconds=10))
        self._owned = parley is None
        self._strict = strict
        self._renamed: set[str] = set()

    async def close(self) -> None:
        """Close the connections, unless they are those of a client that was given."""
        if self._owned:
            await self._parley.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def log_conversation(self, log_data: Mapping[str, Any]) -> bool:
        """Add a message to the session it names, which is made if need be; False when it is not known to be stored.

        An archived session is restored.
        """
        return await self._spared("a message was not logged", self._log(log_data), otherwise=False)

    async def get_conversation_logs(self, session_id: str, *, limit: int | None = None) -> list[JsonObject]:
        """Return a session's messages by time, or the newest `limit` of them; none when it is unknown."""
        return await self._spared("messages were not read", self._entries(session_id, limit), [])

    async def get_conversation_log_document(self, session_id: str) -> JsonObject | None:
        """Return a session with all its messages, None when it is unknown."""
        return await self._spared("a conversation was not read", self._document(session_id), None)

    async def get_conversation_stats(self, session_id: str) -> JsonObject:
        """Return a session's counts and the times of its first and last message; zeroes when it is unknown."""
        return await self._spared("statistics were not read", self._counted(session_id), _stats({}, None, None))

    async def _log(self, log_data: Mapping[str, Any]) -> bool:
        session_id, message = _message_of(log_data)
        known = session_id_for(session_id)
        await self._name(session_id)
        for _ in range(ROUNDS):
            try:
                await self._parley.append_anywhere(message, session_id=known)
            except ParleyError as error:
                if error.code != "session_archived":
                    raise
                await self._restore(known)
            else:
                return True
        raise UnavailableError("the session is archived all the time")

    async def _restore(self, session_id: str) -> None:
        try:
            await self._parley.restore(session_id)
        except ParleyError as error:
            if error.code != NOT_FOUND:  # deleted since: the next try makes it again
                raise

    async def _document(self, session_id: str) -> JsonObject:
        session, entries = await asyncio.gather(
            self._parley.read_session(session_id_for(session_id), limit=1), self._entries(session_id, None)
        )
        times = {name: session[name] for name in ("created_at", "updated_at")}
        return {"_id": session["id"], "session_id": session_id, **times, "messages": entries}

    async def _counted(self, session_id: str) -> JsonObject:
        known = session_id_for(session_id)
        counted = await self._parley.stats(known)
        return _stats(counted, *await asyncio.gather(self._time_of(known, "asc"), self._time_of(known, "desc")))

    async def _name(self, session_id: str) -> None:
        """Make the session of an id that Parley cannot have as it is, so that the id is kept."""
        known = session_id_for(session_id)
        if known == session_id or session_id in self._renamed:
            return
        try:
            await self._parley.create_session(id=known, context=with_originals({}, session_id, USER))
        except ParleyError as error:
            if error.code != "session_exists":
                raise
        self._renamed.add(session_id)

    async def _entries(self, session_id: str, limit: int | None) -> list[JsonObject]:
        found: list[JsonObject] = []
        async for message in self._parley.messages(session_id_for(session_id), "desc", limit=limit and min(limit, 200)):
            found.append(_entry_of(message))
            if len(found) == limit:
                break
        found.reverse()  # messages of one moment stay in the order in which they were stored
        return sorted(found, key=lambda entry: _moment(entry["timestamp"]))

    async def _time_of(self, session_id: str, order: str) -> str | None:
        async for message in self._parley.messages(session_id, order, limit=1):
            return str(_entry_of(message)["timestamp"])
        return None

    async def _spared(self, what: str, work: Coroutine[Any, Any, Result], otherwise: Result) -> Result:
        """Return what the work returns; whatever goes wrong is logged, or raised where that is asked for."""
        try:
            return await work
        except ParleyError as error:
            if error.code == NOT_FOUND:
                return otherwise
            if self._strict:
                raise
            logger.error("Parley: %s: %s", what, error)  # noqa: TRY400 - no defect here
        except Exception:  # whatever it is, it must not end the caller's conversation
            if self._strict:
                raise
            logger.exception("Parley: %s", what)
        return otherwise


def _stats(counted: Mapping[str, Any], first: str | None, last: str | None) -> JsonObject:
    roles = counted.get("by_role", {})
    return {
        "message_count": counted.get("message_count", 0),
        "user_messages": roles.get("user", 0),
        "ai_messages": roles.get("assistant", 0),
        "system_messages": roles.get("system", 0),
        "first_message_time": first,
        "last_message_time": last,
    }


def _message_of(log_data: Mapping[str, Any]) -> tuple[str, JsonObject]:
    """Return the session's id and the message as Parley takes it; a time of the caller's is kept in the metadata."""
    if not log_data.get("session_id"):
        raise ValueError("session_id is required")
    data = plain(log_data)
    metadata = {name: value for name, value in data.items() if name not in OWN_FIELDS}
    if data.get("timestamp") is not None:
        metadata["timestamp"] = data["timestamp"]
    audio_file = data.get("audio_file")
    message = {
        "role": role_of(data.get("message_type"), metadata),
        "content": data.get("content"),
        "persona": data.get("persona"),
        "audio_files": [] if audio_file is None else [audio_file],
        "transcription_confidence": data.get("transcription_confidence"),
        "metadata": metadata,
    }
    return str(data["session_id"]), message


def _entry_of(message: Message) -> JsonObject:
    metadata = dict(message["metadata"])
    role = written_role(message["role"], metadata)
    timestamp = metadata.pop("timestamp", message["created_at"])
    return {
        "timestamp": timestamp,
        "message_type": "ai" if role == "assistant" else role,
        "content": message["content"],
        "persona": message["persona"],
        "audio_file": next(iter(message["audio_files"]), None),
        "transcription_confidence": message["transcription_confidence"],
    }


def _moment(timestamp: object) -> datetime:
    try:
        moment = datetime.fromisoformat(str(timestamp))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
