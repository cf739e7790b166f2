"""From a conversation as its source knew it to a session that can be stored, and what becomes of each record."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, get_args

from shared.migrate.calls import link
from shared.migrate.messages import message_from, placed, require_known_shape, with_ids
from shared.migrate.record import Conversation, Record, RecordError, Turn, digest
from shared.migrate.sessions import Rules, active_or_not, session_from
from shared.migrate.storable import require_fitting
from shared.migrate.times import parse_time
from shared.models import ImportedMessage, ImportedSession, stored_json
from shared.models.exact import as_sent

EMPTY: Mapping[int, RecordError] = {}
WITH_OTHERS = "another record of the same conversation cannot be imported"

Disposition = Literal["rejected", "kept", "expired", "repeated"]  # of a record's messages the first decides for it


@dataclass(slots=True)
class Portion:
    """The records of a conversation with one disposition, and how many messages were in them."""

    records: list[Record] = field(default_factory=list)
    messages: int = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A session to import, None where nothing of it is left, and what becomes of everything else that was read.

    `reasons` has one for each record that is rejected, by its number; `own` are the numbers of the records that tell
    of the session itself, repeats of them too.
    """

    session: ImportedSession | None = None
    messages: Sequence[ImportedMessage] = ()
    alternative_id: str | None = None
    kept: Portion = field(default_factory=Portion)
    rejected: Portion = field(default_factory=Portion)
    expired: Portion = field(default_factory=Portion)
    repeated: Portion = field(default_factory=Portion)
    reasons: Mapping[int, RecordError] = field(default_factory=dict)
    notes: Mapping[str, int] = field(default_factory=dict)
    messages_read: int = 0
    own: frozenset[int] = frozenset()

    def refused(self, error: RecordError) -> "Prepared":
        """Return the same with what was to be kept rejected for this reason."""
        records = self.rejected.records + self.kept.records
        rejected = Portion(records, self.rejected.messages + self.kept.messages)
        reasons = {**self.reasons, **{record.number: error for record in self.kept.records}}
        return replace(self, kept=Portion(), rejected=rejected, reasons=reasons)


@dataclass(slots=True)
class _TimedMessage:
    """A turn with its time, the message that it has become, and what is to be done with it."""

    turn: Turn
    at: datetime
    message: ImportedMessage | None = None
    disposition: Disposition = "kept"


def prepare(source: str, conversation: Conversation, rules: Rules) -> Prepared:
    """Apply the rules; what cannot be imported is in `rejected`, with a reason for each record."""
    reasons, notes = dict(conversation.session_records.refused), Counter[str]()
    try:
        timed = _messages(conversation, reasons, notes)
        _require_own(conversation, reasons)
        _drop_repeated(conversation, timed)
        fingerprint = _fingerprint(source, conversation, timed)
        _drop_expired(conversation, timed, rules.now)
        messages = [each.message for each in timed if each.message and each.disposition == "kept"]
        session = _session(conversation, messages, rules, notes)
    except RecordError as error:
        return nothing_of(conversation.records, error, reasons, messages=len(conversation.turns))
    about = conversation.session_records
    return Prepared(
        session=session and session.model_copy(update={"fingerprint": fingerprint}),
        messages=messages,
        alternative_id=conversation.alternative_id,
        **_parts(conversation, timed, reasons, own="kept" if session else "expired"),
        reasons=reasons,
        notes=notes,
        messages_read=len(conversation.turns),
        own=frozenset(record.number for record in (*about.own, *about.duplicates)),
    )


def _messages(conversation: Conversation, reasons: dict[int, RecordError], notes: Counter[str]) -> list[_TimedMessage]:
    """Return the turns in order with the messages they are; a record of which one is none is refused whole."""
    timed = [_TimedMessage(turn, at) for at, turn in placed(conversation.turns, conversation.created_at, notes)]
    if not conversation.exact:
        timed.sort(key=lambda each: each.at)
        link(each.turn for each in timed)
    for each in timed:
        try:
            if not conversation.exact:
                require_known_shape(each.turn)
            each.message = message_from(each.turn, each.at, notes)
        except RecordError as error:
            reasons.setdefault(each.turn.record.number, error)
    for each in timed:
        if each.turn.record.number in reasons:
            each.message, each.disposition = None, "rejected"
    return timed


def _session(
    conversation: Conversation, messages: list[ImportedMessage], rules: Rules, notes: Counter[str]
) -> ImportedSession | None:
    """Return the session; None where no message of it is left, and nothing of its own."""
    if not messages and (not conversation.session_records.own or _has_ended(conversation, rules.now)):
        return None
    session = session_from(conversation, messages, rules, notes)
    for message in messages[:1]:  # it may have got a context that was too large for the session
        require_fitting(message)
    return session


def _require_own(conversation: Conversation, reasons: Mapping[int, RecordError]) -> None:
    own = conversation.records if conversation.whole else conversation.session_records.own
    if any(record.number in reasons for record in own):
        raise RecordError(WITH_OTHERS)


def _drop_repeated(conversation: Conversation, timed: Sequence[_TimedMessage]) -> None:
    if conversation.exact and all(each.message and each.message.id for each in timed):
        return
    kept = [each for each in timed if each.message]
    distinct = with_ids([each.message for each in kept if each.message], digest(list(conversation.key)))
    for each, message in zip(kept, distinct, strict=True):
        each.message = message
        each.disposition = each.disposition if message else "repeated"


def _drop_expired(conversation: Conversation, timed: Sequence[_TimedMessage], now: datetime) -> None:
    """Drop what the earlier system would no longer have; without any time of its own nothing has expired."""
    ended = _has_ended(conversation, now)
    lifetime = conversation.lifetime_seconds
    dated = any(parse_time(each.turn.time) or parse_time(each.turn.fallback_time) for each in timed)
    oldest = now - timedelta(seconds=lifetime) if lifetime is not None and dated else None
    for each in timed:
        if each.message and (ended or (oldest and each.at <= oldest)):
            each.disposition = "expired"


def _has_ended(conversation: Conversation, now: datetime) -> bool:
    ends = parse_time(conversation.expires_at)
    return ends is not None and ends[0] <= now


def _fingerprint(source: str, conversation: Conversation, timed: Iterable[_TimedMessage]) -> str:
    """Return a hash that is the same whenever the source says the same, whatever has expired meanwhile."""
    fields = [conversation.key, conversation.name, conversation.channel, conversation.context]
    archived = active_or_not(conversation.is_active) is False
    hashed = hashlib.sha256(digest([source, *fields, archived]).encode())
    for each in timed:
        if each.message:
            hashed.update(stored_json(as_sent(each.message.document())).encode())
    return hashed.hexdigest()[:32]


def _parts(
    conversation: Conversation,
    timed: Iterable[_TimedMessage],
    reasons: Mapping[int, RecordError],
    *,
    own: Disposition,
) -> dict[Disposition, Portion]:
    """Sort every record and count every message by what becomes of it; the session's `own` records become that."""
    parts: dict[Disposition, Portion] = {name: Portion() for name in get_args(Disposition)}
    of_record: dict[int, set[Disposition]] = {record.number: {"repeated"} for record in conversation.records}
    for each in timed:
        of_record[each.turn.record.number].add(each.disposition)
        parts[each.disposition].messages += 1
    about = conversation.session_records
    numbers = {record.number for record in about.own} - {record.number for record in about.duplicates}
    for record in conversation.records:
        found = of_record[record.number]
        if record.number in reasons:
            found.add("rejected")
        disposition = own if record.number in numbers else next(name for name in parts if name in found)
        parts[disposition].records.append(record)
    return parts


def nothing_of(
    records: Sequence[Record], error: RecordError, reasons: Mapping[int, RecordError] = EMPTY, *, messages: int
) -> Prepared:
    """Reject a whole conversation, each record for its own reason if it has one."""
    return Prepared(
        rejected=Portion(list(records), messages),
        reasons={record.number: reasons.get(record.number, error) for record in records},
        messages_read=messages,
    )
