"""NCRONTAB, the Functions host's way to say when a timer is due: what may be written, and the times it stands for.

The rules are NCrontab's (github.com/atifaziz/NCrontab), with two exceptions: what it reads in another way than it
was meant (a range that runs backwards, a step of 0) and dates that never come are refused.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import chain
from typing import Final, NamedTuple

MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
SHORTEST_NAME: Final = 3  # letters; NCrontab itself takes `T` for Tuesday
DAYS_OF_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
LONGEST_GAP_DAYS: Final = 366 * 41  # from a 29 February on one weekday to the next, where a century has no leap day
ITEM = re.compile(r"(?P<first>\*|[0-9]{1,9}|[A-Za-z]+)(?:-(?P<last>[0-9]{1,9}|[A-Za-z]+))?(?:/(?P<step>[0-9]{1,9}))?")


class ScheduleError(ValueError):
    """A schedule cannot be used; the message says why and repeats no more of it than a number."""


class _Field(NamedTuple):
    """One of the six fields: what it is called, and which numbers and names stand in it."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    def values(self, text: str) -> list[int]:
        """Return the numbers that a field stands for, in their order."""
        return sorted(set(chain.from_iterable(self._range(item) for item in text.split(","))))

    def _range(self, item: str) -> range:
        parts = ITEM.fullmatch(item)
        if parts is None or (parts["first"] == "*" and parts["last"]):
            raise ScheduleError(f"has a {self.name} that is no number, range, list or step")
        step = int(parts["step"] or 1)
        if step < 1:
            raise ScheduleError(f"has a step of 0 in the {self.name}")
        if parts["first"] == "*":
            return range(self.low, self.high + 1, step)
        first = self._number(parts["first"])
        last = self._number(parts["last"]) if parts["last"] else self.high if parts["step"] else first
        if first > last:
            reason = f"NCRONTAB turns it round and runs it from {last} to {first}; write two ranges"
            raise ScheduleError(f"has a {self.name} range from {first} to {last}: {reason}")
        return range(first, last + 1, step)

    def _number(self, text: str) -> int:
        number = int(text) if text.isdigit() else self._named(text.lower())
        if not self.low <= number <= self.high:
            raise ScheduleError(f"has the {self.name} {number}, which is not from {self.low} to {self.high}")
        return number

    def _named(self, text: str) -> int:
        found = [number for number, name in enumerate(self.names, self.low) if name.startswith(text)]
        if len(text) < SHORTEST_NAME or not found:
            names = f"; names there are {self.names[0]} or {self.names[0][:3]}, and so on" if self.names else ""
            raise ScheduleError(f"has a {self.name} that is no number from {self.low} to {self.high}{names}")
        return found[0]


FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, MONTHS),
    _Field("day of the week", 0, 6, WEEKDAYS),
)


class Schedule:
    """When a timer is due: a day must suit its date, its month and its weekday."""

    def __init__(self, expression: str) -> None:
        """Read six fields, seconds first, with spaces between them; raises ScheduleError."""
        texts = [text for text in expression.split(" ") if text]
        if len(texts) != len(FIELDS):
            names = ", ".join(field.name for field in FIELDS)
            raise ScheduleError(f"must have six fields ({names}), such as 0 0 * * * *")
        values = [field.values(text) for field, text in zip(FIELDS, texts, strict=True)]
        self._seconds, self._minutes, self._hours, self._days, self._months, self._weekdays = values
        if self._days[0] > max(DAYS_OF_MONTHS[month - 1] for month in self._months):
            raise ScheduleError("never comes due: none of its months has such a day")

    def next_after(self, moment: datetime) -> datetime:
        """Return the first due time later than `moment`, in its time zone."""
        earliest = moment.replace(microsecond=0) + timedelta(seconds=1)
        due = self._first_time(earliest.time()) if self._suits(earliest.date()) else None
        if due is not None:
            return datetime.combine(earliest.date(), due, moment.tzinfo)
        days = (earliest.date() + timedelta(days=ahead) for ahead in range(1, LONGEST_GAP_DAYS))
        start = time(self._hours[0], self._minutes[0], self._seconds[0])
        return datetime.combine(next(filter(self._suits, days)), start, moment.tzinfo)

    def _suits(self, day: date) -> bool:
        weekday = day.isoweekday() % len(WEEKDAYS)
        return day.month in self._months and day.day in self._days and weekday in self._weekdays

    def _first_time(self, earliest: time) -> time | None:
        """Return the first due time of a day that is not before another."""
        return next((due for due in self._times(earliest) if due >= earliest), None)

    def _times(self, earliest: time) -> Iterator[time]:
        """Return the due times of a day, without the hours and minutes that are over."""
        for hour in self._hours:
            if hour < earliest.hour:
                continue
            for minute in self._minutes:
                if (hour, minute) >= (earliest.hour, earliest.minute):
                    yield from (time(hour, minute, second) for second in self._seconds)
