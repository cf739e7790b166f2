"""The documents as they are stored, field by field, for the type checker; nothing of it is run for a request.

docs/storage.md says what the fields mean. A message's own fields are those of shared.models.NewMessage.
"""

from typing import NotRequired, TypedDict

from shared.models import JsonObject
from shared.store.rules import MessageCounts

MessageDocument = JsonObject


class Building(TypedDict):
    """The epoch that a rewind or an import is writing, and since when, in seconds."""

    epoch: str
    since: int


class LastMessageHint(TypedDict):
    """When the newest message was made, as of a `last_activity_at` that was no message."""

    since: str
    last_message_at: str | None


class PageSummary(TypedDict):
    """What the head says of all pages together; the first four come with the first page.

    `known_from` is the moment, in milliseconds, from which every duplicate is detected by recent_ids alone; `marks`
    are pairs of a seq and the moment by which everything up to it had been stored. `starts` are the seqs at which the
    newest pages begin, oldest first: a hint to readers, which a head written by an earlier build may lack.
    """

    roles: NotRequired[dict[str, int]]
    first_at: NotRequired[str]
    last_at: NotRequired[str]
    marks: NotRequired[list[list[int]]]
    known_from: NotRequired[int]
    starts: NotRequired[list[int]]


class Log(TypedDict):
    """The two newest generations of messages, and what is known of the older ones."""

    epoch: str
    generation: int
    messages: list[MessageDocument]
    previous: list[MessageDocument]
    bytes: int
    previous_bytes: int
    recent_ids: list[str]
    edits: int
    sealed: PageSummary


class SessionFields(TypedDict):
    """The part of a head that its owner sees."""

    id: str
    user_id: str
    session_name: str | None
    channel: str
    context: JsonObject | str
    tags: list[str]
    pinned: bool
    ttl_seconds: int
    created_at: str
    status: str
    message_count: int
    updated_at: str
    last_activity_at: str
    archived_at: str | None
    quiet: LastMessageHint
    ttl: int
    fingerprint: NotRequired[str | None]


class HeldLease(TypedDict):
    """Who makes the session's next reply; see shared.models.Lease."""

    reply_id: str
    holder: str
    until: int
    is_stopped: bool


class NewHeadDocument(SessionFields):
    """A head about to be created; what is NotRequired is missing in one that is older, or never had a use for it."""

    type: str
    schema: int
    folded_name: NotRequired[str | None]
    last_seq: int
    renew_at: int
    pending: bool
    building: NotRequired[Building | None]
    ttl_once_used: NotRequired[int]
    shares: list[JsonObject]
    lease: NotRequired[HeldLease | None]
    replies: NotRequired[int]
    input_tokens: NotRequired[int]
    output_tokens: NotRequired[int]
    log: Log


class HeadRow(SessionFields):
    """What a list of sessions reads of a head."""

    _ts: int


class HeadDocument(NewHeadDocument, HeadRow):
    """A head as it was read."""

    _etag: str


class NewPageDocument(TypedDict):
    """A page about to be created: a generation of messages that has left the head."""

    id: str
    user_id: str
    type: str
    session_id: str
    epoch: str
    generation: int
    first_seq: int
    messages: list[MessageDocument]
    counts: MessageCounts
    ttl: int


class PageDocument(NewPageDocument):
    """A page as it was read."""

    _ts: int
    _etag: str


class ListedPage(TypedDict):
    """What a listing says of a page."""

    id: str
    epoch: str
    generation: int
    ttl: int
    _ts: int
    _etag: str
