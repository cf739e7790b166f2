"""What is told of many sessions or messages at once: counts, search, links."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, computed_field

from shared.models import meanings
from shared.models.messages import Message
from shared.models.sessions import SessionKey
from shared.models.turns import ReplyUsage
from shared.models.values import MAX_SEQ, Model, Role, Timestamp


class SessionStats(Model):
    """Counts of one session; the duration runs from the first to the last message, in seconds."""

    message_count: Annotated[int, meanings.MESSAGE_COUNT]
    by_role: Annotated[dict[Role, int], meanings.BY_ROLE]
    first_message_at: Annotated[Timestamp | None, Field(description="When the oldest message was stored.")]
    last_message_at: Annotated[Timestamp | None, meanings.NEWEST_AT]
    is_active: Annotated[bool, meanings.IS_ACTIVE]
    usage: Annotated[ReplyUsage, meanings.USAGE] = Field(default_factory=ReplyUsage)

    @computed_field(description=meanings.DURATION.description)  # type: ignore[prop-decorator]  # as pydantic would have it
    @property
    def duration_seconds(self) -> float:
        """Seconds from the first message to the last; 0 without messages."""
        if self.first_message_at is None or self.last_message_at is None:
            return 0.0
        return max(0.0, (self.last_message_at - self.first_message_at).total_seconds())


class SessionCounts(Model):
    """How many sessions an owner has, by status."""

    active: Annotated[int, Field(description="How many take messages.")] = 0
    archived: Annotated[int, Field(description="How many are archived.")] = 0


class FeedbackCounts(Model):
    """How many messages have a thumb up or down."""

    up: Annotated[int, Field(description="How many thumbs up.")] = 0
    down: Annotated[int, Field(description="How many thumbs down.")] = 0


class DayCount(Model):
    """How many messages were stored on a day, UTC."""

    date: Annotated[str, Field(description="The day, UTC.")]
    messages: Annotated[int, meanings.HOW_MANY_MESSAGES]


class OwnerStats(Model):
    """Counts of everything an owner has; `stored_bytes` is the size of the messages as stored JSON."""

    sessions: Annotated[SessionCounts, meanings.HOW_MANY_SESSIONS]
    by_channel: Annotated[dict[str, int], Field(description="How many sessions each channel has.")]
    messages: Annotated[int, meanings.HOW_MANY_MESSAGES]
    by_role: Annotated[dict[Role, int], meanings.BY_ROLE]
    feedback: Annotated[FeedbackCounts, Field(description="How many messages have a thumb up or down.")]
    stored_bytes: Annotated[int, Field(description="The size of the messages as stored JSON.")]
    per_day: Annotated[list[DayCount], Field(description="Messages by the day they were stored, oldest day first.")]
    usage: Annotated[ReplyUsage, meanings.USAGE] = Field(default_factory=ReplyUsage)


class Share(Model):
    """A link to a session, as it is stored: of its token only the hash.

    It shows messages up to `up_to_seq` that were there when it was made; a rewind frees numbers, and what
    is written under them later is not shown.
    """

    id: str
    token_hash: str
    up_to_seq: int
    created_at: Timestamp
    expires_at: Timestamp | None = None

    def is_over(self, now: datetime) -> bool:
        """Return whether it has expired."""
        return self.expires_at is not None and self.expires_at <= now

    def shows(self, message: Message) -> bool:
        """Return whether the message was there, as far as the link goes."""
        return message.seq <= self.up_to_seq and message.created_at <= self.created_at


class SearchQuery(Model):
    """What to look for in an owner's messages, and how many hits at most; None means any."""

    text: str
    limit: int
    channel: str | None = None
    role: Role | None = None
    session_id: str | None = None


class SearchKey(Model):
    """A place in a search: after that message of that session, or before the session's newest one."""

    session: SessionKey
    seq: Annotated[int, Field(ge=0, le=MAX_SEQ)] | None = None


class SearchHit(Model):
    """A message that was found, and the session it is in."""

    session_id: Annotated[str, meanings.SESSION]
    session_name: Annotated[str | None, meanings.NAME_OF_SESSION]
    message: Annotated[Message, Field(description="The message.")]


class SearchPage(Model):
    """Hits, newest session first and in it newest message first; there may be none while `next_key` leads on."""

    hits: list[SearchHit]
    next_key: SearchKey | None = None


class SnippetPart(Model):
    """A piece of a text: what was sought, or what is around it."""

    text: Annotated[str, Field(description="The text.")]
    hit: Annotated[bool, Field(description="Whether this is what was sought.")]
