"""What is read and what becomes of it: records, and conversations as their source knew them."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from shared.models import KINDS, JsonObject


class MigrationError(Exception):
    """The migration cannot go on; the message tells a person what to do about it."""


class UsageError(MigrationError):
    """The command line asks for something that cannot be done."""


class RecordError(Exception):
    """A record cannot be imported: the reason is the same for all like it, the detail is this one's own."""

    def __init__(self, reason: str, detail: str = "") -> None:
        """Keep both; the reason is what is counted."""
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Record:
    """One document of the source: the line it begins at, or its place where there are no lines, and what it says.

    Its number, which no other record of the import has, is given to it once it has been read.
    """

    line: int
    value: JsonObject
    number: int = 0


@dataclass(frozen=True, slots=True)
class Broken:
    """Something at a record's place that is none."""

    line: int
    text: str
    reason: str
    detail: str = ""


class Key(NamedTuple):
    """Whose conversation a record belongs to, and which one, in the source's own terms; no owner means the default."""

    owner: object
    session_id: object


@dataclass(slots=True, kw_only=True)
class Turn:
    """One message as its source knew it: nothing is checked yet, None means absent.

    A `content` that is null in the source is the empty text: it has said that there is none.
    `fallback_time` counts where `time` is missing. What no field is for belongs into `metadata`.
    """

    record: Record
    role: object = None
    content: object = None
    time: object = None
    fallback_time: object = None
    id: object = None
    name: object = None
    persona: object = None
    tool_call_id: object = None
    audio_files: object = None
    transcription_confidence: object = None
    function_calls: object = None
    feedback: object = None
    raw: object = None
    edited_at: object = None
    metadata: JsonObject = field(default_factory=dict)


@dataclass(slots=True)
class SessionRecords:
    """The records that are no messages.

    `own` tell of the conversation itself, `duplicates` say again what another record has said, and `refused` are
    set aside for these reasons, by their numbers.
    """

    own: Sequence[Record] = ()
    duplicates: Sequence[Record] = ()
    refused: dict[int, RecordError] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Conversation:
    """One conversation as its source knew it; None means that the source does not say.

    - `session_records`: when one of its own records cannot be imported, nothing of the conversation is. With `whole`
      that is so for each of its records.
    - `exact`: its turns keep their order and their ids; else they are sorted by time and get distinct ids.
    - `lifetime_seconds`: every message ends that long after it was made.
    - `alternative_id` is taken where the owner has a session of another channel by its id.
    """

    key: Key
    records: Sequence[Record]
    turns: list[Turn]
    session_records: SessionRecords = field(default_factory=SessionRecords)
    whole: bool = False
    exact: bool = False
    last_seq: int | None = None
    name: object = None
    channel: object = None
    context: JsonObject = field(default_factory=dict)
    tags: object = None
    pinned: object = None
    is_active: object = None
    created_at: object = None
    updated_at: object = None
    last_activity_at: object = None
    archived_at: object = None
    ttl_seconds: object = None
    expires_at: object = None
    lifetime_seconds: int | None = None
    alternative_id: str | None = None


class Fields:
    """A document's fields, taken out by name; what nobody has taken is left over, in its order."""

    def __init__(self, document: JsonObject) -> None:
        """Take from a copy of the document."""
        self._left = dict(document)

    def take(self, name: str) -> object:
        """Return a field and remove it from what is left; None when it is missing or null."""
        return self._left.pop(name, None)

    def take_if(self, name: str, fits: Callable[[object], bool]) -> object:
        """Return a field and remove it if its value fits; None, and the field stays, if not."""
        return self.take(name) if fits(self._left.get(name)) else None

    def take_text(self, name: str) -> object:
        """Return the content of a message: the empty text where it is null, None only where there is no such field."""
        is_null = name in self._left and self._left[name] is None
        value = self.take(name)
        return "" if is_null else value

    def take_first(self, *names: str) -> object:
        """Return the first of these fields that is not null; the others stay among what is left."""
        return self.take(next((name for name in names if self._left.get(name) is not None), names[0]))

    def without(self, *names: str) -> "Fields":
        """Remove fields that say nothing more than others do."""
        for name in names:
            self._left.pop(name, None)
        return self

    @property
    def left(self) -> JsonObject:
        """Return what nobody has taken."""
        return self._left

    def rest(self, name: str = "metadata") -> JsonObject:
        """Return what is left, joined to the object in the field of that name; what that says wins."""
        given = self.take(name)
        if given is None:
            return self._left
        if not isinstance(given, dict):
            return self._left | {f"original_{name}": given}
        clashing = {f"original_{key}" if key in given else key: value for key, value in self._left.items()}
        return clashing | given


def as_list(value: object) -> list[object]:
    """Return a list as it is, nothing as no item, and anything else as the one item."""
    if value is None or value == "":
        return []
    return value if isinstance(value, list) else [value]


def objects_in(value: object, what: str) -> list[JsonObject]:
    """Return a list of objects, none where it is missing; raises RecordError for anything else."""
    items = [] if value is None else value
    if isinstance(items, list) and all(KINDS.get(type(item)) == "object" for item in items):
        return items
    raise RecordError(f"{what} is not a list of objects")


def first_of(records: Sequence[Record]) -> tuple[Record, SessionRecords]:
    """Return the first of several documents of one session; the others repeat it or are refused."""
    first, *others = records
    repeated = [record for record in others if record.value == first.value]
    refusal = RecordError("a second document of the same session that says something else")
    refused = {record.number: refusal for record in others if record.value != first.value}
    return first, SessionRecords([first], repeated, refused)


def digest(value: object) -> str:
    """Return 128 bits that tell a JSON value from every other, as hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def derived_id(value: object) -> str:
    """Return the id of something that has none, or none that can be kept: the same again for the same value."""
    return f"x-{digest(value)}"
