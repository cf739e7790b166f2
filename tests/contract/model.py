"""What a session store promises, written as plainly as can be: a dictionary in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.errors import (
    MessageConflictError,
    PreconditionFailedError,
    SessionArchivedError,
    SessionExistsError,
    SessionNotFoundError,
)
from shared.models import (
    ROLES,
    Erased,
    Message,
    MessageQuery,
    NewMessage,
    NewSession,
    Session,
    SessionChanges,
    SessionFilter,
    SessionStats,
    format_time,
)

SAYS = ("role", "content", "name", "function_calls", "tool_call_id")
OF_THE_STORES_CLOCK = datetime(9000, 1, 1, tzinfo=UTC)  # stands for moments that the store decides, in their order
LATEST_SENT = datetime(2021, 1, 1, tzinfo=UTC)  # moments that the caller decides are earlier
Seen = dict[str, Any]


@dataclass
class Life:
    """One session from its creation to its deletion."""

    new: NewSession
    settings: dict[str, Any]
    last_activity_at: datetime
    messages: list[Message] = field(default_factory=list)
    last_seq: int = 0
    writes: int = 0
    is_active: bool = True


def seen_session(session: Session) -> Seen:
    """Return what a client sees of a session, but for what the store's own clock and dice decide."""
    return session.model_dump(exclude={"updated_at", "expires_at", "archived_at", "etag"}) | {
        "last_activity_at": _seen_moment(session.last_activity_at),
        "expires": session.expires_at is not None,
        "archived": session.archived_at is not None,
    }


def _seen_moment(moment: datetime) -> str:
    return format_time(moment) if moment < LATEST_SENT else "by the store's clock"


def seen_message(message: Message) -> Seen:
    """Return all that a client sees of a message."""
    return message.model_dump()


def seen_stats(stats: SessionStats) -> Seen:
    """Return all that a client sees of a session's counts."""
    return stats.model_dump()


class Model:
    """Does in memory what a store does; each verb returns what a client would see, or raises what it would raise."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.lives: dict[tuple[str, str], Life] = {}
        self._restored = 0

    def life(self, user_id: str, session_id: str) -> Life:
        """Return the session's life; raises SessionNotFoundError."""
        if (user_id, session_id) not in self.lives:
            raise SessionNotFoundError
        return self.lives[user_id, session_id]

    def create(self, new: NewSession, messages: Sequence[NewMessage]) -> Seen:
        """Begin a session."""
        if (new.user_id, new.id) in self.lives:
            raise SessionExistsError
        settings = new.model_dump(include=set(SessionChanges.model_fields))
        life = self.lives[new.user_id, new.id] = Life(new, settings, new.created_at)
        self._add(life, messages)
        return self.get(new.user_id, new.id)

    def get(self, user_id: str, session_id: str) -> Seen:
        """Return the session."""
        life = self.life(user_id, session_id)
        settings = life.settings
        return {
            **life.new.model_dump(exclude={"fingerprint"}),
            **settings,
            "status": "active" if life.is_active else "archived",
            "is_active": life.is_active,
            "archived": not life.is_active,
            "message_count": len(life.messages),
            "last_message_at": format_time(life.messages[-1].created_at) if life.messages else None,
            "last_activity_at": _seen_moment(life.last_activity_at),
            "expires": not settings["pinned"] and settings["ttl_seconds"] != -1,
        }

    def update(self, user_id: str, session_id: str, changes: SessionChanges, *, stale: bool) -> Seen:
        """Change the session's settings; `stale` is a precondition that does not hold."""
        life = self.life(user_id, session_id)
        if stale:
            raise PreconditionFailedError
        settings = changes.given()
        turned = settings.pop("is_active", life.is_active) != life.is_active
        if turned:
            life.is_active = not life.is_active
        if turned and life.is_active:
            self._restored += 1
            life.last_activity_at = OF_THE_STORES_CLOCK + timedelta(seconds=self._restored)
        life.settings |= settings
        life.writes += bool(settings or turned)
        return self.get(user_id, session_id)

    def delete(self, user_id: str, session_id: str) -> None:
        """End the session."""
        self.life(user_id, session_id)
        del self.lives[user_id, session_id]

    def append(self, user_id: str, session_id: str, messages: Sequence[NewMessage]) -> Seen:
        """Add messages, or recognise them."""
        life = self.life(user_id, session_id)
        known = {message.id: message for message in life.messages}
        there = [message for message in messages if message.id in known]
        differing = [each for each in there if any(getattr(each, say) != getattr(known[each.id], say) for say in SAYS)]
        if not life.is_active and (differing or len(there) < len(messages)):
            raise SessionArchivedError
        if differing or 0 < len(there) < len(messages):
            raise MessageConflictError([message.id for message in differing or there])
        if not there:
            life.last_activity_at = messages[-1].created_at
            self._add(life, messages)
        stored = {message.id: message for message in life.messages}
        return {
            "messages": [seen_message(stored[message.id]) for message in messages],
            "message_count": len(life.messages),
            "created": not there,
        }

    def messages(self, user_id: str, session_id: str, query: MessageQuery) -> list[Seen]:
        """Return all messages that match the query, whatever its limit."""
        after = -1 if query.after is None else query.after
        found = [
            seen_message(message)
            for message in self.life(user_id, session_id).messages
            if after < message.seq
            and (query.before is None or message.seq < query.before)
            and query.role in {None, message.role}
        ]
        return found if query.order == "asc" else found[::-1]

    def clear(self, user_id: str, session_id: str) -> None:
        """Forget the messages."""
        life = self.life(user_id, session_id)
        life.messages = []
        life.writes += 1

    def rewind(self, user_id: str, session_id: str, after_seq: int) -> None:
        """Forget the newest messages and their numbers."""
        life = self.life(user_id, session_id)
        kept = [message for message in life.messages if message.seq <= after_seq]
        if len(kept) < len(life.messages):
            life.last_seq -= len(life.messages) - len(kept)
            life.messages = kept
            life.writes += 1

    def replace_tail(self, user_id: str, session_id: str, after_seq: int, messages: Sequence[NewMessage]) -> Seen:
        """Let messages be what follows a seq, or see that they do."""
        life = self.life(user_id, session_id)
        kept = [message for message in life.messages if message.seq <= after_seq]
        gone = len(life.messages) - len(kept)
        created = not self._ends_with(life, messages, gone)
        if created:
            self._let_follow(life, kept, messages)
        placed = life.messages[len(life.messages) - len(messages) :]
        return {
            "messages": [seen_message(message) for message in placed],
            "message_count": len(life.messages),
            "created": created and bool(messages),
        }

    def _ends_with(self, life: Life, messages: Sequence[NewMessage], least: int) -> bool:
        newest = life.messages[max(0, len(life.messages) - len(messages)) :]
        said = [[getattr(message, name) for name in ("id", *SAYS)] for message in newest]
        return least <= len(messages) and said == [[getattr(each, name) for name in ("id", *SAYS)] for each in messages]

    def _let_follow(self, life: Life, kept: list[Message], messages: Sequence[NewMessage]) -> None:
        if not life.is_active:
            raise SessionArchivedError
        ids = {message.id for message in kept}
        if twice := [message.id for message in messages if message.id in ids]:
            raise MessageConflictError(twice)
        life.last_seq -= len(life.messages) - len(kept)
        life.messages = kept
        if messages:
            life.last_activity_at = messages[-1].created_at
        self._add(life, messages)

    def erase(self, user_id: str) -> Seen:
        """End all sessions of an owner."""
        ended = [self.lives.pop(key) for key in list(self.lives) if key[0] == user_id]
        messages = sum(len(life.messages) for life in ended)
        return Erased(sessions=len(ended), messages=messages, done=True).model_dump()

    def stats(self, user_id: str, session_id: str) -> Seen:
        """Count."""
        life = self.life(user_id, session_id)
        messages = life.messages
        roles = [message.role for message in messages]
        times = [message.created_at for message in messages]
        return seen_stats(
            SessionStats(
                message_count=len(messages),
                by_role={role: roles.count(role) for role in ROLES},
                first_message_at=times[0] if times else None,
                last_message_at=times[-1] if times else None,
                is_active=life.is_active,
            )
        )

    def sessions(self, user_id: str, wanted: SessionFilter) -> list[Seen]:
        """Return all sessions that match, in the order of a list."""
        keys = [key for key in self.lives if key[0] == user_id]
        ordered = sorted(keys, key=lambda key: (self.lives[key].last_activity_at, key[1]), reverse=True)
        return [session for session in (self.get(*key) for key in ordered) if _matches(session, wanted)]

    def _add(self, life: Life, messages: Sequence[NewMessage]) -> None:
        for message in messages:
            life.last_seq += 1
            life.messages.append(Message(**message.model_dump(), seq=life.last_seq, user_id=life.new.user_id))
        life.writes += 1


def _matches(session: Seen, wanted: SessionFilter) -> bool:
    name = session["session_name"]
    return (
        wanted.status in {None, session["status"]}
        and wanted.channel in {None, session["channel"]}
        and wanted.pinned in {None, session["pinned"]}
        and set(wanted.tags) <= set(session["tags"])
        and (wanted.name is None or (name is not None and wanted.name.lower() in name.lower()))
    )
