"""The contract of a session store; both adapters keep it and one suite of tests holds them to it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime

from shared.models import (
    Appended,
    Edited,
    Erased,
    IdleSession,
    ImportedMessage,
    ImportedSession,
    Lease,
    Message,
    MessagePage,
    MessageQuery,
    NewMessage,
    NewSession,
    OwnerStats,
    Replied,
    SearchKey,
    SearchPage,
    SearchQuery,
    Session,
    SessionChanges,
    SessionFilter,
    SessionKey,
    SessionPage,
    SessionStats,
    Share,
)


class SessionStore(ABC):
    """Sessions and their messages, each owner's apart from every other's.

    Every verb names the owner first and sees nothing that belongs to anybody else.
    A session that never was, is deleted or has expired does not exist: SessionNotFoundError.
    Every verb may raise StoreThrottledError or StoreUnavailableError; whatever it had to write is
    then stored whole or not at all, and repeating the call is safe.
    Each write is atomic, and is seen by every read that starts after it has returned.
    """

    name: str

    @abstractmethod
    async def create(
        self, session: NewSession, messages: Sequence[NewMessage] = (), lease: Lease | None = None
    ) -> Session:
        """Store a new session, with its first messages as seq 1, 2, … if there are any, all or nothing.

        With a lease it is held from the first moment on.
        Its last activity is its creation, or its last message if that is later.
        Raises SessionExistsError when the owner has one by that id;
        the id of a deleted or expired one is free again and the new session sees nothing of the old.
        """

    @abstractmethod
    async def import_session(self, session: ImportedSession, messages: Sequence[ImportedMessage]) -> Session | None:
        """Store a session with its history as it was elsewhere, any number of messages, all or nothing.

        Their seqs end at the session's `last_seq`; `created_at` need not grow with them. An import
        is recognised by its `fingerprint`: where the owner has a session by that id which was stored
        with the same one, nothing is written, whatever has happened to it since, and None is
        returned in place of the session; raises SessionExistsError when it is another one.
        """

    @abstractmethod
    async def catch_up(self, user_id: str, session_id: str) -> None:
        """Let what this request reads of the owner next be no older than now, on whatever replica; see Freshness.

        For what is written on the strength of several reads. Whether the session is there makes no difference.
        """

    @abstractmethod
    async def get(self, user_id: str, session_id: str) -> Session:
        """Return the session without its messages."""

    @abstractmethod
    async def read(
        self, user_id: str, session_id: str, limit: int, *, as_of: str | None = None
    ) -> tuple[Session, MessagePage]:
        """Return the session and, of one moment, its newest `limit` messages, newest first.

        `as_of` is an etag that a write was just answered with: that moment is new enough, and may be known already.
        """

    @abstractmethod
    async def list_sessions(
        self, user_id: str, wanted: SessionFilter, limit: int, after: SessionKey | None = None
    ) -> SessionPage:
        """Return the owner's sessions that match, last activity first, then by id descending.

        `after` is the `next_key` of the page before. `name` matches a part of the session's name as
        shared.text.fold compares them; a session without a name matches no `name`.
        """

    @abstractmethod
    async def walk_sessions(self, user_id: str, limit: int, after_id: str = "") -> list[Session]:
        """Return the owner's sessions of any status in the order of their ids, after `after_id`.

        That order stands still while sessions are used: whoever follows it to its end, until nothing is
        returned, has seen each session that was there all the while, once.
        """

    @abstractmethod
    async def update(
        self, user_id: str, session_id: str, changes: SessionChanges, if_match: str | None = None
    ) -> Session:
        """Apply the changes that were given, together, and return the session as it is then.

        No changes: the session is returned as it is and nothing moves. Context and tags are replaced
        whole. A new ttl or pin counts from this write. `is_active` false archives and true restores: a
        restore is an activity; a session that is so already keeps its `archived_at` and activity, and
        if nothing else was given is not written. While archived the longer of the session's own ttl
        and the archive's applies. With `if_match` raises PreconditionFailedError
        unless the session still has that etag.
        """

    @abstractmethod
    async def delete(self, user_id: str, session_id: str, if_match: str | None = None) -> None:
        """Remove the session and every message of it, for good; a second time raises SessionNotFoundError.

        With `if_match` raises PreconditionFailedError unless the session still has that etag.
        """

    @abstractmethod
    async def append(
        self,
        user_id: str,
        session_id: str,
        messages: Sequence[NewMessage],
        if_match: str | None = None,
        *,
        turn: Lease | Replied | None = None,
    ) -> Appended:
        """Append 1 to 200 messages in the order given, all or none, and restart the session's ttl.

        Their ids are distinct. A repeat is recognised by its ids among at least the newest 100 messages of
        the session, and among all of its newest append: when all of them are there and each says the same
        (NewMessage.says_the_same), nothing is written and `created` is false; when one says
        something else, or only some are there, raises MessageConflictError naming the ids found
        (differing ones if any, else those already stored). A full repeat succeeds on an archived
        session too; anything else there raises SessionArchivedError. With `if_match` whatever is no full
        repeat raises PreconditionFailedError, before the rest, unless the session still has that etag.

        With a lease as `turn` whatever is no full repeat takes it as `hold_turn` does, in the same step, or raises
        TurnInProgressError; a full repeat takes none. With Replied it is the reply that ends a turn: it is stored only
        if the lease is held still, else raises LeaseLostError, is counted, and the lease is given back in the same
        step. Both are judged last.
        """

    @abstractmethod
    async def hold_turn(self, user_id: str, session_id: str, lease: Lease) -> None:
        """Let nobody else make a reply of this session as long as the lease says; the etag does not move.

        Taking it again, by the same holder, is harmless. Raises SessionArchivedError, and TurnInProgressError while
        another holder's is not over. A lease ends with what it was taken on: a clear, a rewind or another tail that
        removes anything takes it away.
        """

    @abstractmethod
    async def end_turn(self, user_id: str, session_id: str, holder: str) -> None:
        """Give a lease back; where it is held by nobody, or by somebody else, nothing happens."""

    @abstractmethod
    async def stop_turn(self, user_id: str, session_id: str, reply_id: str) -> bool:
        """Mark the lease of that reply, so that its holder ends; return whether one was there that is not over.

        It is over STOP_SECONDS from now at the latest: a holder that lives has ended by then.
        """

    @abstractmethod
    async def replace_tail(
        self,
        user_id: str,
        session_id: str,
        after_seq: int,
        messages: Sequence[NewMessage],
        if_match: str | None = None,
    ) -> Appended:
        """Let 0 to 200 messages be what follows `after_seq`, in one step: readers see the old tail or the new one.

        What is kept is what `rewind` keeps: beyond the newest message all of it, and before the first kept
        one nothing. The messages are numbered on from there and are an append otherwise, so the last
        activity moves if there are any. What was there before is gone with its feedback, whether its
        ids are sent again or not. Where the session ends with exactly these messages, and keeps no others
        after `after_seq`, nothing is written and `created` is false.
        Anything else raises, in this order, PreconditionFailedError unless the session still has the
        etag `if_match`, SessionArchivedError, and MessageConflictError naming the ids that are among the
        kept messages too, recognised as in an append.
        """

    @abstractmethod
    async def read_messages(self, user_id: str, session_id: str, query: MessageQuery) -> MessagePage:
        """Return messages in the order of `seq` that the query asks for.

        A page ends at `limit` messages or at a bounded size in bytes (at least one message is
        returned if there is one); with a `role` it may be short or empty while `has_more`, because
        the work of one call is bounded.
        """

    @abstractmethod
    async def get_message(self, user_id: str, session_id: str, message_id: str) -> Message:
        """Return the newest message by that id; raises MessageNotFoundError when the session has none."""

    @abstractmethod
    async def edit_message(  # noqa: PLR0913 - as its adapters
        self,
        user_id: str,
        session_id: str,
        message_id: str,
        change: Callable[[Message], Message],
        if_match: str | None = None,
        *,
        turn: Replied | None = None,
    ) -> Edited:
        """Put what `change` makes of a message in its place, keeping id and seq, and return it.

        `change` may be called again when others write at the same time; an edit is never lost beside
        another. The session's etag and `updated_at` move, its last activity does not.
        Raises MessageNotFoundError, and with `if_match` PreconditionFailedError unless the session
        still has that etag. With Replied it is another reply that ends a turn; see `append`.
        """

    @abstractmethod
    async def search(self, user_id: str, query: SearchQuery, after: SearchKey | None = None) -> SearchPage:
        """Return messages of the owner's sessions, archived ones too, whose text holds what is sought.

        What a message says is shared.text.plain_text, and texts are compared as shared.text.fold says. Newest session
        first (by last activity), in it newest message first, after `after`. The work of one call is bounded: a page may
        be short or empty while `next_key` leads on. A session that is used between two pages moves to the front, and
        what it has left to show is not shown.
        """

    @abstractmethod
    async def stats(self, user_id: str, session_id: str) -> SessionStats:
        """Return the session's counts without reading its whole history."""

    @abstractmethod
    async def owner_stats(self, user_id: str, days: Sequence[str]) -> OwnerStats:
        """Return counts of everything the owner has, and of the messages of each of those days (ISO dates, UTC)."""

    @abstractmethod
    async def add_share(self, user_id: str, session_id: str, share: Share) -> None:
        """Keep a link to the session; it ends with the session, by delete, erase or expiry.

        Raises TooManySharesError when MAX_SHARES are kept that have not expired.
        """

    @abstractmethod
    async def list_shares(self, user_id: str, session_id: str) -> list[Share]:
        """Return the session's links that work, oldest first."""

    @abstractmethod
    async def remove_share(self, user_id: str, session_id: str, share_id: str) -> None:
        """Revoke a link at once; raises ShareNotFoundError when there is none by that id."""

    @abstractmethod
    async def find_share(self, token_hash: str) -> tuple[Session, Share]:
        """Return the link that has this hash, whoever's it is, and its session; raises ShareNotFoundError."""

    @abstractmethod
    async def clear(self, user_id: str, session_id: str, if_match: str | None = None) -> None:
        """Remove every message and keep the session; numbering goes on after the last seq.

        With `if_match` raises PreconditionFailedError unless the session still has that etag.
        """

    @abstractmethod
    async def rewind(self, user_id: str, session_id: str, after_seq: int, if_match: str | None = None) -> None:
        """Remove every message newer than `after_seq`; the next one takes up the numbers after it.

        At or beyond the newest message nothing changes. Before the first kept message nothing is
        kept, and the next seq is the one that message had. An append at the same time is either
        before, and removed, or after. The last activity stays what it was. With `if_match` raises
        PreconditionFailedError unless the session still has that etag, also where nothing changes.
        """

    @abstractmethod
    async def idle_sessions(
        self, idle_since: datetime, limit: int, after: IdleSession | None = None
    ) -> list[IdleSession]:
        """Return active, unpinned sessions of all owners without activity after that moment.

        Longest idle first, then by owner and id, after `after`; for the archival sweep alone.
        """

    @abstractmethod
    async def archive_idle(self, session: IdleSession) -> bool:
        """Archive a session as `update` does with is_active false, if it is still as it was seen.

        Returns whether it did: anything that happened to the session meanwhile keeps it as it is.
        """

    @abstractmethod
    async def maintain(self, limit: int) -> int:
        """Finish what crashes have left half swept and remove what has expired; return how many sessions that took.

        At most `limit` in one call. What is left over is invisible to every other verb.
        """

    @abstractmethod
    async def erase(self, user_id: str, budget_seconds: float) -> Erased:
        """Remove everything the owner had when the call began, archived sessions too.

        Stops when the budget is used up, and says in `done` whether it was through; repeat it then.
        """

    @abstractmethod
    async def ping(self) -> None:
        """Return when the store answers; raises StoreUnavailableError when it does not."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of connections and files; the store is not used afterwards."""
