"""Sessions: to be made, as stored, listed, idle."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field, computed_field

from shared.models import meanings
from shared.models.turns import Lease
from shared.models.values import DEFAULT_CHANNEL, JsonObject, Model, Status, Timestamp


class NewSession(Model):
    """A session about to be stored, with everything decided but what the store itself counts.

    `fingerprint` tells by what request it was made, if that had an idempotency key.
    """

    id: Annotated[str, meanings.ID]
    user_id: Annotated[str, meanings.OWNER]
    session_name: Annotated[str | None, meanings.NAME_OF_SESSION] = None
    channel: Annotated[str, meanings.CHANNEL_NAME] = DEFAULT_CHANNEL
    context: Annotated[JsonObject, meanings.CONTEXT] = Field(default={})
    tags: Annotated[list[str], meanings.TAGS] = Field(default=[])
    pinned: Annotated[bool, meanings.PINNED] = False
    ttl_seconds: Annotated[int, meanings.TTL_SECONDS]
    created_at: Annotated[Timestamp, meanings.CREATED_AT]
    fingerprint: str | None = None


class ImportedSession(NewSession):
    """A session as it was elsewhere, with everything that a store would otherwise decide.

    `last_seq` is that of its newest message, or of the last one it had; with `expires_at` it is gone
    then, unless it is written to before.
    """

    status: Status = "active"
    updated_at: Timestamp
    last_activity_at: Timestamp
    archived_at: Timestamp | None = None
    last_seq: Annotated[int, Field(ge=0)]
    expires_at: Timestamp | None = None


class Session(NewSession):
    """A stored session without its messages; `etag` changes with every write to it."""

    status: Annotated[
        Status,
        Field(description="Archived sessions leave the default list and take no messages; `restore` brings them back."),
    ] = "active"
    message_count: Annotated[int, meanings.MESSAGE_COUNT] = 0
    updated_at: Annotated[Timestamp, meanings.UPDATED_AT]
    last_message_at: Annotated[Timestamp | None, meanings.NEWEST_AT] = None
    last_activity_at: Annotated[
        Timestamp,
        Field(description="The latest of creation, last message and restore: sorts lists, decides about archival."),
    ]
    archived_at: Timestamp | None = Field(
        default=None, description="When the session was archived; null while it is active."
    )
    expires_at: Timestamp | None = Field(
        default=None, description="When the session is gone unless it is written to before; null while it is kept."
    )
    etag: str = Field(exclude=True)
    fingerprint: str | None = Field(default=None, exclude=True)
    lease: Lease | None = Field(default=None, exclude=True)

    @computed_field(description=meanings.IS_ACTIVE.description)  # type: ignore[prop-decorator]  # as pydantic would have it
    @property
    def is_active(self) -> bool:
        """Return whether the session takes messages."""
        return self.status == "active"


class IdleSession(Model):
    """A session that nobody has used for a while, as it was seen; also a place in the order of idle ones."""

    last_activity_at: Timestamp
    user_id: str
    id: str
    ttl_seconds: int
    has_pages: bool = False
    etag: str


class Erased(Model):
    """What an erasure has removed so far; more may be left while not `done`."""

    sessions: int
    messages: int
    done: bool


class SessionFilter(Model):
    """Which sessions to list; None means any, every tag must be there."""

    status: Status | None = "active"
    channel: str | None = None
    tags: list[str] = Field(default=[])
    pinned: bool | None = None
    name: str | None = None


class SessionKey(Model):
    """A place in the list of an owner's sessions: just after this one."""

    last_activity_at: Annotated[Timestamp, Field(ge=datetime(2, 1, 1, tzinfo=UTC), lt=datetime(9999, 1, 1, tzinfo=UTC))]
    id: str


class SessionPage(Model):
    """Sessions, last activity first; `next_key` leads on while `has_more`."""

    sessions: list[Session]
    next_key: SessionKey | None = None

    @property
    def has_more(self) -> bool:
        """Return whether another page may hold something."""
        return self.next_key is not None
