"""From a conversation as its source knew it to a session that can be stored, and what becomes of each record."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.migrate.calls import link
from shared.migrate.messages import message_from, placed, require_known_shape, with_ids
from shared.migrate.record import Conversation, Record, RecordError, Turn, digest
from shared.migrate.sessions import Rules, active_or_not, session_from
from shared.migrate.storable import require_fitting
from shared.migrate.times import parse_time
from shared.models import ImportedMessage, ImportedSession, stored_json

EMPTY: Mapping[int, RecordError] = {}
WITH_OTHERS = "another record of the same conversation cannot be imported"


@dataclass(slots=True)
class Fate:
    """Records that met the same fate, and how many messages were in them."""

    records: list[Record] = field(default_factory=list)
    messages: int = 0


@dataclass(slots=True)
class Prepared:
    """A session to import, None where nothing of it is left, and what becomes of everything else that was read.

    `own` are the numbers of the records that tell of the session itself, repeats of them too.
    """

    session: ImportedSession | None = None
    messages: list[ImportedMessage] = field(default_factory=list)
    alternative_id: str | None = None
    kept: Fate = field(default_factory=Fate)
    aside: Fate = field(default_factory=Fate)
    expired: Fate = field(default_factory=Fate)
    repeated: Fate = field(default_factory=Fate)
    reasons: dict[int, RecordError] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)
    messages_read: int = 0
    own: frozenset[int] = frozenset()

    def refuse(self, error: RecordError) -> None:
        """Set aside what was to be kept, for this reason."""
        self.reasons |= {record.number: error for record in self.kept.records}
        self.aside.records += self.kept.records
        self.aside.messages += self.kept.messages
        self.kept = Fate()


@dataclass(slots=True)
class _Said:
    """A turn with its time and what it has become."""

    turn: Turn
    at: datetime
    message: ImportedMessage | None = None
    fate: str = "kept"


def prepare(source: str, conversation: Conversation, rules: Rules) -> Prepared:
    """Apply the rules; what cannot be imported is in `aside`, with a reason for each record."""
    prepared = Prepared(
        alternative_id=conversation.alternative_id,
        messages_read=len(conversation.turns),
        reasons=dict(conversation.told.refused),
        own=frozenset(record.number for record in (*conversation.told.own, *conversation.told.duplicates)),
    )
    try:
        said = _messages(conversation, prepared)
        _require_own(conversation, prepared)
        _drop_repeated(conversation, said)
        fingerprint = _fingerprint(source, conversation, said)
        _drop_expired(conversation, said, rules.now)
        prepared.messages = [each.message for each in said if each.message and each.fate == "kept"]
        if prepared.messages or (conversation.told.own and not _has_ended(conversation, rules.now)):
            session = session_from(conversation, prepared.messages, rules, prepared.notes)
            _require_first_fits(prepared.messages)
            prepared.session = session.model_copy(update={"fingerprint": fingerprint})
    except RecordError as error:
        return nothing_of(conversation.records, error, prepared.reasons, messages=len(conversation.turns))
    _sort_records(conversation, said, prepared)
    return prepared


def _messages(conversation: Conversation, prepared: Prepared) -> list[_Said]:
    """Return the turns in order with the messages they are; a record of which one is none is refused whole."""
    timed = placed(conversation.turns, conversation.created_at, prepared.notes)
    said = [_Said(turn, at) for at, turn in timed]
    if not conversation.exact:
        said.sort(key=lambda each: each.at)
        link(each.turn for each in said)
    for each in said:
        try:
            if not conversation.exact:
                require_known_shape(each.turn)
            each.message = message_from(each.turn, each.at, prepared.notes)
        except RecordError as error:
            prepared.reasons.setdefault(each.turn.record.number, error)
    for each in said:
        if each.turn.record.number in prepared.reasons:
            each.message, each.fate = None, "aside"
    return said


def _require_own(conversation: Conversation, prepared: Prepared) -> None:
    own = conversation.records if conversation.whole else conversation.told.own
    if any(record.number in prepared.reasons for record in own):
        raise RecordError(WITH_OTHERS)


def _drop_repeated(conversation: Conversation, said: Sequence[_Said]) -> None:
    if conversation.exact and all(each.message and each.message.id for each in said):
        return
    kept = [each for each in said if each.message]
    distinct = with_ids([each.message for each in kept if each.message], digest(list(conversation.key)))
    for each, message in zip(kept, distinct, strict=True):
        each.message = message
        each.fate = each.fate if message else "repeated"


def _drop_expired(conversation: Conversation, said: Sequence[_Said], now: datetime) -> None:
    """Drop what the earlier system would no longer have; without any time of its own nothing has expired."""
    ended = _has_ended(conversation, now)
    lifetime = conversation.lifetime_seconds
    dated = any(parse_time(each.turn.time) or parse_time(each.turn.fallback_time) for each in said)
    oldest = now - timedelta(seconds=lifetime) if lifetime is not None and dated else None
    for each in said:
        if each.message and (ended or (oldest and each.at <= oldest)):
            each.fate = "expired"


def _has_ended(conversation: Conversation, now: datetime) -> bool:
    ends = parse_time(conversation.expires_at)
    return ends is not None and ends[0] <= now


def _require_first_fits(messages: Sequence[ImportedMessage]) -> None:
    for message in messages[:1]:  # it may have got a context that was too large for the session
        require_fitting(message)


def _fingerprint(source: str, conversation: Conversation, said: Iterable[_Said]) -> str:
    """Return a hash that is the same whenever the source says the same, whatever has expired meanwhile."""
    told = [conversation.key, conversation.name, conversation.channel, conversation.context]
    archived = active_or_not(conversation.is_active) is False
    hashed = hashlib.sha256(digest([source, *told, archived]).encode())
    for each in said:
        if each.message:
            hashed.update(stored_json(each.message.document()).encode())
    return hashed.hexdigest()[:32]


def _sort_records(conversation: Conversation, said: Iterable[_Said], prepared: Prepared) -> None:
    """Say of each record, and count of each message, what becomes of it."""
    fates: dict[int, set[str]] = {record.number: set() for record in conversation.records}
    for each in said:
        fates[each.turn.record.number].add(each.fate)
        getattr(prepared, each.fate).messages += 1
    own = {record.number for record in conversation.told.own} - {
        record.number for record in conversation.told.duplicates
    }
    for record in conversation.records:
        fates[record.number] |= {"aside"} if record.number in prepared.reasons else set()
        fate = next((name for name in ("aside", "kept", "expired") if name in fates[record.number]), "repeated")
        if record.number in own:
            fate = "kept" if prepared.session else "expired"
        getattr(prepared, fate).records.append(record)


def nothing_of(
    records: Sequence[Record], error: RecordError, reasons: Mapping[int, RecordError] = EMPTY, *, messages: int
) -> Prepared:
    """Set a whole conversation aside, each record for its own reason if it has one."""
    return Prepared(
        aside=Fate(list(records), messages),
        reasons={record.number: reasons.get(record.number, error) for record in records},
        messages_read=messages,
    )
