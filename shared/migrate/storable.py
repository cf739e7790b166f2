"""What every store can hold unchanged, and what none can."""

from shared.migrate.record import RecordError
from shared.models import MAX_REQUEST_MESSAGES_BYTES, ImportedMessage, stored_bytes

MAX_DEPTH = 32
MAX_INTEGER = 2**53  # a JSON number is a double in Cosmos DB; beyond this whole numbers change
MAX_MESSAGE_BYTES = MAX_REQUEST_MESSAGES_BYTES  # no client can have sent a larger one in a request either


def require_storable(value: object, depth: int = 1) -> None:
    """Raise RecordError for a value that a store could not give back as it is."""
    if isinstance(value, str):
        _require_text(value)
    elif isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise RecordError("a whole number beyond ±2^53", str(value))
    elif isinstance(value, float):
        if value in {float("inf"), float("-inf")}:
            raise RecordError("a number that no double can hold")
    elif isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise RecordError(f"nested more than {MAX_DEPTH} levels deep")
        for item in value:
            require_storable(item, depth + 1)
            if isinstance(value, dict):
                require_storable(value[item], depth + 1)


def require_fitting(message: ImportedMessage) -> None:
    """Raise RecordError for a message that is too large."""
    size = stored_bytes(message.document())
    if size > MAX_MESSAGE_BYTES:
        raise RecordError(f"a message over {MAX_MESSAGE_BYTES} bytes as stored JSON", f"{size} bytes")


def _require_text(text: str) -> None:
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RecordError("text with a lone surrogate or bytes that are not UTF-8") from error
