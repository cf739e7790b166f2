"""Times as the earlier systems wrote them: ISO 8601 and RFC 3339, or a number of units since 1970, by its size."""

import re
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST, LATEST = datetime(2, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)  # what the stores can sort
LEAST_MILLISECONDS = 10**11  # as seconds that is the year 5138, as milliseconds 1973; so it goes on
LEAST_MICROSECONDS = 10**14
LEAST_NANOSECONDS = 10**17
NUMBER = re.compile(r"\d{9,19}(\.\d+)?")
LEAP_SECOND = re.compile(r"(:\d\d):60")
OBJECT_ID = re.compile(r"[0-9a-f]{24}")


def parse_time(value: object) -> tuple[datetime, bool] | None:
    """Return a moment in UTC and whether it came without a zone; None when it cannot be read as one."""
    try:
        if isinstance(value, str) and not NUMBER.fullmatch(value):
            return _written(value.strip().upper())  # RFC 3339 takes t and z too
        if isinstance(value, str):
            return _since_epoch(float(value) if "." in value else int(value)), False
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _since_epoch(value), False
    except (ValueError, OverflowError):
        pass
    return None


def _written(text: str) -> tuple[datetime, bool] | None:
    plain, leap_seconds = LEAP_SECOND.subn(r"\1:59", text)
    written = datetime.fromisoformat(plain)
    moment = (written if written.tzinfo else written.replace(tzinfo=UTC)).astimezone(UTC)
    moment += timedelta(seconds=leap_seconds)
    return (moment, written.tzinfo is None) if EARLIEST <= moment < LATEST else None


def _since_epoch(number: float) -> datetime:
    size = abs(number)
    if size >= LEAST_NANOSECONDS:
        since = timedelta(microseconds=number // 1000)
    elif size >= LEAST_MICROSECONDS:
        since = timedelta(microseconds=number)
    else:
        since = timedelta(milliseconds=number) if size >= LEAST_MILLISECONDS else timedelta(seconds=number)
    moment = EPOCH + since
    if not EARLIEST <= moment < LATEST:
        raise OverflowError
    return moment


def object_id_time(value: object) -> object:
    """Return the second in which a MongoDB ObjectId was made; None for anything else."""
    return int(value[:8], 16) if isinstance(value, str) and OBJECT_ID.fullmatch(value) else None
