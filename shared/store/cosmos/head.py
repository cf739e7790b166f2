"""The head of a session: how a new one begins, what follows from one that was read, and how large it may get."""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from shared.models import KEEP, JsonObject, Lease, Message, NewSession, ReplyUsage, Session, format_time
from shared.models.exact import context_as_sent, context_as_stored
from shared.store.cosmos.documents import (
    HeadDocument,
    HeadRow,
    LastMessageHint,
    Log,
    MessageDocument,
    NewHeadDocument,
    PageSummary,
)
from shared.store.cosmos.lifetimes import FAR_FUTURE, renewal_due
from shared.store.cosmos.versions import Version
from shared.store.rules import applied_ttl, documents_bytes, expiry, message_from
from shared.text import fold

SCHEMA = 1
RECENT_IDS = 100  # promised to be recognised by both stores
STARTS = 12  # pages whose place is remembered: of real messages they hold some sixty
MARK_EVERY = 25  # messages in pages: how finely `marks` say when messages were stored


def fresh_log(milliseconds: int) -> Log:
    """Return an empty log under an epoch that was never used before."""
    return {
        "epoch": secrets.token_hex(5),
        "generation": 0,
        "messages": [],
        "previous": [],
        "bytes": 0,
        "previous_bytes": 0,
        "recent_ids": [],
        "edits": 0,
        "sealed": {"known_from": milliseconds},
    }


def counted_pages(generation: int) -> int:
    """Return how many pages belong to the history under a log of that generation; the newest two are in the head.

    Where a page was made of everything that the head held, the newer of the two has nothing in it.
    """
    return max(0, generation - 1)


def generation_after(pages: int) -> int:
    """Return the generation of a log behind that many pages, whose head has no other than its newest messages."""
    return pages + 1 if pages else 0


def head_document(session: NewSession, milliseconds: int) -> NewHeadDocument:
    """Return the head of a new session without messages."""
    ttl = applied_ttl(session.ttl_seconds, KEEP, pinned=session.pinned, status="active")
    created_at = format_time(session.created_at)
    fields: dict[str, object] = {
        **folded_name(session.session_name),
        "context": context_as_stored(session.context),
        "type": "session",
        "schema": SCHEMA,
        "status": "active",
        "updated_at": created_at,
        "last_activity_at": created_at,
        "quiet": last_message_hint(created_at, None),
        "archived_at": None,
        "last_seq": 0,
        "message_count": 0,
        "ttl": ttl,
        "renew_at": FAR_FUTURE,
        "pending": False,
        "building": None,
        "shares": [],
        "log": fresh_log(milliseconds),
    }
    return cast("NewHeadDocument", session.model_dump(mode="json") | fields)


def folded_name(session_name: str | None) -> dict[str, str | None]:
    """Return the field by which a list finds sessions by name; a head that is older than the field has none."""
    return {"folded_name": None if session_name is None else fold(session_name)}


def last_message_hint(since: str, last_message_at: str | None) -> LastMessageHint:
    """Return what tells the newest message's time while the last activity was something else than a message.

    An append moves last_activity_at and not this, so that it no longer applies: with it a list of
    sessions knows their newest messages' times without reading them.
    """
    return {"since": since, "last_message_at": last_message_at}


def page_id(session_id: str, epoch: str, generation: int) -> str:
    """Return the id of a page; `~` cannot occur in a session's id, so no session can have it."""
    return f"{session_id}~{epoch}~{generation}"


def last_message_at(log: Log) -> str | None:
    """Return when the newest kept message was made, None without messages."""
    newest = (log["messages"] or log["previous"])[-1:]
    return newest[0]["created_at"] if newest else log["sealed"].get("last_at")


def remembered(
    session_id: str, recent_ids: Sequence[str], documents: Sequence[MessageDocument], count: int = RECENT_IDS
) -> list[str]:
    """Return the hashes of the newest ids in pages once these documents have joined them."""
    return [*recent_ids, *(short_hash(session_id, document["id"]) for document in documents)][-count:]


def short_hash(session_id: str, message_id: str) -> str:
    """Shorten a message id to 48 bits: two of one session's newest hundred meet once in 10^12 appends."""
    return urlsafe_b64encode(hashlib.sha256(f"{session_id}/{message_id}".encode()).digest()[:6]).decode()


def advanced(
    head: NewHeadDocument, documents: Sequence[MessageDocument], *, room: int, milliseconds: int
) -> tuple[JsonObject, list[MessageDocument]]:
    """Return the fields of a head with these messages after its own, and what leaves it for the next page.

    Nothing does while everything takes less than `room` bytes; else all that was held does, and with it what
    would fill the room by itself.
    """
    log, size = head["log"], documents_bytes(documents)
    counts = {name: head[name] + len(documents) for name in ("last_seq", "message_count")}
    if log["bytes"] + log["previous_bytes"] + size < room:
        log = {**log, "messages": [*log["messages"], *documents], "bytes": log["bytes"] + size}
        return counts | {"log": log}, []
    staying = [] if size >= room else list(documents)
    leaving = [*log["previous"], *log["messages"], *documents[len(staying) :]]
    recent = max(RECENT_IDS, len(documents) - len(staying))
    sealed = extended(
        log["sealed"],
        leaving,
        head["last_seq"],
        forgotten=counts["last_seq"] - len(staying) - recent,
        milliseconds=milliseconds,
    )
    pages = counted_pages(log["generation"])
    due = {} if pages else {"renew_at": renewal_due(milliseconds // 1000, head["ttl"])}
    turned: Log = {
        "epoch": log["epoch"],
        "generation": generation_after(pages + 1),
        "messages": staying,
        "previous": [],
        "bytes": documents_bytes(staying),
        "previous_bytes": 0,
        "recent_ids": remembered(head["id"], log["recent_ids"], leaving, recent),
        "edits": log["edits"],
        "sealed": with_starts(sealed, head["last_seq"] + 1 - len(log["messages"]) - len(log["previous"])),
    }
    return counts | due | {"log": turned}, leaving


def with_starts(summary: PageSummary, *first_seqs: int) -> PageSummary:
    """Return a summary of all pages after some have joined them that begin at these seqs."""
    return {**summary, "starts": [*summary.get("starts", []), *first_seqs][-STARTS:]}


def extended(
    summary: PageSummary,
    documents: Sequence[MessageDocument],
    stored: int,
    *,
    milliseconds: int,
    forgotten: int | None = None,
) -> PageSummary:
    """Return the summary of all pages after these documents have joined them; `with_starts` says where they begin.

    At `milliseconds` all messages up to the seq `stored` had been; `forgotten` is the newest that recent_ids no
    longer hold, RECENT_IDS before `stored` if it isn't said.
    """
    if not documents:
        return summary
    roles = Counter(summary.get("roles", {})) + Counter(document["role"] for document in documents)
    forgotten = stored - RECENT_IDS if forgotten is None else forgotten
    return {
        **summary,
        "roles": dict(roles),
        "first_at": summary.get("first_at") or documents[0]["created_at"],
        "last_at": documents[-1]["created_at"],
        **_duplicates_known(summary, stored, forgotten, milliseconds),
    }


def _duplicates_known(summary: PageSummary, stored: int, forgotten: int, milliseconds: int) -> PageSummary:
    """Return from when on every duplicate is known by its id.

    `marks` are seqs with a moment, in milliseconds, at which all up to there had been stored. What is no longer in
    recent_ids had been stored by the first mark after it; an append that was received before then, and may have
    been stored and forgotten since, has to be looked for in pages.
    """
    marks = summary.get("marks", [])
    if not marks or stored - marks[-1][0] >= MARK_EVERY:
        marks = [*marks, [stored, milliseconds]]
    marks = [mark for mark in marks if mark[0] >= forgotten] or [[stored, milliseconds]]
    known_from = summary.get("known_from", 0)
    return {"marks": marks, "known_from": max(known_from, marks[0][1]) if forgotten > 0 else known_from}


class Head:
    """A head document as it was read, with names for what is derived from it."""

    def __init__(self, read: Mapping[str, Any]) -> None:
        """Keep the document that was read; it is not changed."""
        self.document = document = cast("HeadDocument", read)
        self.id = document["id"]
        self.user_id = document["user_id"]
        self.status = document["status"]
        self.last_seq = document["last_seq"]
        self.ttl = document["ttl"]
        self.etag = document["_etag"]
        log = document["log"]
        self.epoch = log["epoch"]
        self.generation = log["generation"]
        self.messages = log["messages"]
        self.previous = log["previous"]
        self.bytes = log["bytes"]
        self.previous_bytes = log["previous_bytes"]
        self.recent_ids = log["recent_ids"]
        self.page_summary = log["sealed"]
        self.duplicates_known_from_ms = self.page_summary.get("known_from", FAR_FUTURE * 1000)
        self.edits = log["edits"]
        self.building = document.get("building")
        self.lease = _lease(document)

    @property
    def version(self) -> str:
        """The session's etag as its owner knows it; `etag` is the item's own, which every write moves."""
        return Version.of(self.document).etag

    @property
    def usage(self) -> ReplyUsage:
        """What the session's replies have cost; a head that never had one says nothing of it."""
        return ReplyUsage.model_validate({name: self.document.get(name, 0) for name in ReplyUsage.model_fields})

    @property
    def is_hidden(self) -> bool:
        """Return whether this is a tombstone or not yet a session (`building`): nobody may see it."""
        return self.status == "deleted"

    @property
    def living_epochs(self) -> set[str]:
        """The epochs whose pages count or may come to count: the head's own, and one that is being built."""
        building = {self.building["epoch"]} if self.building else set()
        return building if self.is_hidden else building | {self.epoch}

    @property
    def ttl_once_used(self) -> int:
        """Return the ttl from the next write on; an import may have left the session less until then."""
        return self.document.get("ttl_once_used") or self.ttl

    @property
    def counted_pages(self) -> int:
        """Count the pages that belong to the history."""
        return counted_pages(self.generation)

    @property
    def page_starts(self) -> dict[int, int]:
        """Return the first seq of each of the newest pages, as far as they are remembered."""
        starts = self.page_summary.get("starts", [])
        return dict(enumerate(starts, self.counted_pages - len(starts)))

    @property
    def first_seq(self) -> int:
        """Return the seq of the first kept message, or of the next one when there is none."""
        return self.last_seq - self.document["message_count"] + 1

    @property
    def messages_first_seq(self) -> int:
        """Return the seq of `messages[0]`, or of the next message when there is none."""
        return self.last_seq - len(self.messages) + 1

    @property
    def previous_first_seq(self) -> int:
        """Return the seq of `previous[0]`: everything older is in pages."""
        return self.messages_first_seq - len(self.previous)

    def held(self) -> list[tuple[int, MessageDocument]]:
        """Return the messages in the head with their seq, oldest first."""
        return list(enumerate([*self.previous, *self.messages], self.previous_first_seq))

    def recent_ids_after_rotation(self) -> list[str]:
        """Return the hashes to keep once `previous` has become a page."""
        return remembered(self.id, self.recent_ids, self.previous)

    def last_message_at(self) -> str | None:
        """Return when the newest kept message was made, None without messages."""
        return last_message_at(self.document["log"])

    def first_message_at(self) -> str | None:
        """Return when the oldest kept message was made, None without messages."""
        oldest = (self.previous or self.messages)[:1]
        return self.page_summary.get("first_at") or (oldest[0]["created_at"] if oldest else None)

    def count_roles(self) -> Counter[str]:
        """Count the kept messages by role."""
        return Counter(self.page_summary.get("roles", {})) + Counter(document["role"] for _, document in self.held())

    def message(self, seq: int, document: MessageDocument) -> Message:
        """Return a stored message of this session."""
        return message_from(document, seq, self.user_id)

    def session(self) -> Session:
        """Return the session as its owner sees it."""
        return session_from(self.document, Version.of(self.document), self.last_message_at())


def _lease(document: HeadRow) -> Lease | None:
    found = cast("Mapping[str, object]", document).get("lease")
    return Lease.model_validate(found) if found else None


def changed_at(document: HeadRow) -> str:
    """Return when the settings were last changed; an archiving need not say so twice."""
    return max(document["updated_at"], document["archived_at"] or "")


def session_from(document: HeadRow, version: Version, last_message_at: str | None) -> Session:
    """Return the session that a head document, or the listed part of one, holds."""
    fields: Mapping[str, object] = document
    last_write = datetime.fromtimestamp(document["_ts"], UTC)
    return Session.model_validate(
        {name: fields[name] for name in SESSION_FIELDS}
        | {
            "updated_at": max(changed_at(document), document["last_activity_at"]),
            "last_message_at": last_message_at,
            "expires_at": expiry(last_write, document["ttl"]),
            "context": context_as_sent(document["context"]),
            "etag": version.etag,
            "fingerprint": document.get("fingerprint"),
            "lease": fields.get("lease"),
        }
    )


SESSION_FIELDS = (
    "id",
    "user_id",
    "session_name",
    "channel",
    "context",
    "tags",
    "pinned",
    "ttl_seconds",
    "created_at",
    "status",
    "message_count",
    "last_activity_at",
    "archived_at",
)
