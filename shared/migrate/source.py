"""What an earlier system has to tell to be imported, and where its records come from."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from typing import ClassVar, Protocol, runtime_checkable

from typing_extensions import override

from shared.migrate.files import open_text
from shared.migrate.options import Options
from shared.migrate.reading import FileOrigin
from shared.migrate.record import Broken, Conversation, Key, Record, RecordError, UsageError
from shared.models import JsonObject
from shared.secrecy import holds_secret

COSMOS_FIELDS = ("_rid", "_self", "_etag", "_attachments", "_ts")  # Cosmos DB's own bookkeeping in every document


class Origin(Protocol):
    """Where records come from: a file, or a database that is asked directly.

    Those whose records can be removed afterwards (`--delete-old`) have a verb for it; see RemovableOrigin.
    """

    def records(self) -> AsyncIterator[Record | Broken]:
        """Return every record once, in bounded memory; raises MigrationError when the source does not answer."""

    async def close(self) -> None:
        """Let go of connections and files."""


@runtime_checkable
class RemovableOrigin(Origin, Protocol):
    """An origin that can be told to forget a record."""

    async def remove(self, record: Record) -> bool:
        """Remove a record that is still as it was read; return whether it is gone."""


class Source(ABC):
    """One earlier system: how its records are read, which belong together, and what they say.

    `name` is what the command line calls it, `summary` a line of its help.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    extended_json: ClassVar[bool] = False

    def __init__(self, options: Options) -> None:
        """Keep the options; raises UsageError when they do not fit this source."""
        self.options = options

    def origin(self, place: str) -> Origin:
        """Return where the records come from; files of JSON unless a source knows more.

        Raises OSError or UsageError when `place` cannot be used.
        """
        if "://" in place or holds_secret(place):
            raise UsageError(f"{self.name} is read from a file or standard input, not from an address")
        return FileOrigin(open_text(place), extended_json=self.extended_json)

    @abstractmethod
    def key(self, record: Record) -> Key:
        """Return which conversation a record belongs to; raises RecordError when it does not say."""

    @abstractmethod
    def conversation(self, key: Key, records: Sequence[Record]) -> Conversation:
        """Return what the records of one key say together, in the order they were read.

        Raises RecordError when nothing of it can be imported. Every record must be in `own`, in
        `duplicates`, or have a turn.
        """


class CosmosSource(Source):
    """An earlier system in Cosmos DB: its export, or its container itself."""

    @override
    def origin(self, place: str) -> Origin:
        if not place.startswith(("https://", "http://", "cosmos:")):
            return super().origin(place)
        from shared.migrate.cosmos import cosmos_origin  # noqa: PLC0415 - files are read without the SDK

        return cosmos_origin(place, self.options)


def require_message(document: JsonObject, *names: str) -> None:
    """Raise RecordError for a document that has none of the fields which make a message."""
    if all(document.get(name) is None for name in names):
        raise RecordError("neither a message nor a session")
