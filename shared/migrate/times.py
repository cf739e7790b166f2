"""Times as the earlier systems wrote them: ISO 8601 with or without a zone, or seconds and milliseconds since 1970."""

import re
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST, LATEST = datetime(2, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)  # what the stores can sort
LEAST_MILLISECONDS = 10**11  # as seconds that is the year 5138, as milliseconds 1973
NUMBER = re.compile(r"\d{9,16}(\.\d+)?")
OBJECT_ID = re.compile(r"[0-9a-f]{24}")


def parse_time(value: object) -> tuple[datetime, bool] | None:
    """Return a moment in UTC and whether it came without a zone; None when it cannot be read as one."""
    try:
        if isinstance(value, str) and not NUMBER.fullmatch(value):
            written = datetime.fromisoformat(value.strip())
            moment = (written if written.tzinfo else written.replace(tzinfo=UTC)).astimezone(UTC)
            return (moment, written.tzinfo is None) if EARLIEST <= moment < LATEST else None
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return _since_epoch(float(value)), False
    except (ValueError, OverflowError):
        pass
    return None


def _since_epoch(number: float) -> datetime:
    moment = EPOCH + timedelta(seconds=number / 1000 if abs(number) >= LEAST_MILLISECONDS else number)
    if not EARLIEST <= moment < LATEST:
        raise OverflowError
    return moment


def object_id_time(value: object) -> object:
    """Return the second in which a MongoDB ObjectId was made; None for anything else."""
    return int(value[:8], 16) if isinstance(value, str) and OBJECT_ID.fullmatch(value) else None
