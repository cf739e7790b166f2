"""What can be imported: what every store can hold, in words for a report."""

from collections.abc import Mapping

from shared import storable
from shared.migrate.record import RecordError
from shared.models import MAX_REQUEST_MESSAGES_BYTES, ImportedMessage, stored_bytes
from shared.storable import MAX_DEPTH, Bound, UnstorableError

MAX_MESSAGE_BYTES = MAX_REQUEST_MESSAGES_BYTES  # no client can have sent a larger one in a request either
REASONS: Mapping[Bound, str] = {
    Bound.TEXT: "text with a lone surrogate or bytes that are not UTF-8",
    Bound.INTEGER: "a whole number beyond ±2^53",
    Bound.DOUBLE: "a number that no double can hold",
    Bound.DEPTH: f"nested more than {MAX_DEPTH} levels deep",
}


def require_storable(value: object) -> None:
    """Raise RecordError for a value that a store could not give back as it is."""
    try:
        storable.require_storable(value)
    except UnstorableError as error:
        detail = [str(error.value)] if error.bound is Bound.INTEGER else []
        raise RecordError(REASONS[error.bound], *detail) from error


def require_fitting(message: ImportedMessage) -> None:
    """Raise RecordError for a message that is too large."""
    size = stored_bytes(message.document())
    if size > MAX_MESSAGE_BYTES:
        raise RecordError(f"a message over {MAX_MESSAGE_BYTES} bytes as stored JSON", f"{size} bytes")
