"""Schedules by NCRONTAB's rules: what may be written, why the rest is refused, and when each is due."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from shared.schedule import Schedule, ScheduleError

MOMENT = datetime(2026, 11, 21, 7, 0, 0, 250_000, tzinfo=UTC)  # a Saturday


def due(expression: str, count: int = 1, moment: datetime = MOMENT) -> list[str]:
    """Return the next times of a schedule, each found from the one before."""
    times = [moment]
    while len(times) <= count:
        times.append(Schedule(expression).next_after(times[-1]))
    return [time.isoformat(" ").removesuffix("+00:00") for time in times[1:]]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("* * * * * *", ["2026-11-21 07:00:01", "2026-11-21 07:00:02"]),
        ("0 0 * * * *", ["2026-11-21 08:00:00", "2026-11-21 09:00:00"]),
        ("0  30 9-17/4 * * MON-FRI", ["2026-11-23 09:30:00", "2026-11-23 13:30:00", "2026-11-23 17:30:00"]),
        ("50/5 59 23 * * *", ["2026-11-21 23:59:50", "2026-11-21 23:59:55", "2026-11-22 23:59:50"]),
        ("*/90 0 0 1 1 *", ["2027-01-01 00:00:00", "2028-01-01 00:00:00"]),
        ("0 0 0 * jan 0", ["2027-01-03 00:00:00", "2027-01-10 00:00:00"]),
        ("0 0 0 1 Septem,12 *", ["2026-12-01 00:00:00", "2027-09-01 00:00:00"]),
        ("0 0 0 1 * 1", ["2027-02-01 00:00:00", "2027-03-01 00:00:00"]),
        ("0 0 0 31 * *", ["2026-12-31 00:00:00", "2027-01-31 00:00:00", "2027-03-31 00:00:00"]),
        ("0 0 0 29 FEBRUARY *", ["2028-02-29 00:00:00", "2032-02-29 00:00:00"]),
        ("0 0 0 29 2,4 saturday", ["2028-04-29 00:00:00", "2034-04-29 00:00:00"]),
        ("30,10 5,5 007 * * *", ["2026-11-21 07:05:10", "2026-11-21 07:05:30", "2026-11-22 07:05:10"]),
    ],
)
def test_a_schedule_is_due_when_ncrontab_says(expression: str, expected: list[str]) -> None:
    assert due(expression, len(expected)) == expected


def test_a_leap_day_on_a_weekday_is_found_across_a_century_without_one() -> None:
    moment = datetime(2072, 2, 29, 12, tzinfo=UTC)

    assert due("0 0 0 29 2 MON", moment=moment) == ["2112-02-29 00:00:00"]


def test_due_times_are_those_that_a_look_at_every_second_finds() -> None:
    schedule = Schedule("7-50/20 3,58 6,23 * * *")
    seconds = (MOMENT.replace(microsecond=0) + timedelta(seconds=ahead) for ahead in range(1, 2 * 86_400))
    looked_at = [s for s in seconds if s.second in {7, 27, 47} and s.minute in {3, 58} and s.hour in {6, 23}]

    found = [schedule.next_after(MOMENT)]
    while len(found) < len(looked_at):
        found.append(schedule.next_after(found[-1]))

    assert found == looked_at
    assert all(earlier < later for earlier, later in pairwise(found))


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("", "six fields"),
        ("0 * * * *", "six fields"),
        ("0 0 0 * * * 2027", "six fields"),
        ("0\t0 * * * *", "six fields"),
        ("0 0 25 * * *", "the hour 25"),
        ("60 * * * * *", "the second 60"),
        ("0 0 0 0 * *", "the day 0"),
        ("0 0 0 * 0/2 *", "the month 0"),
        ("0 0 0 * * 7", "the day of the week 7"),
        ("0 0 0 * * SUN-7", "the day of the week 7"),
        ("0 0 0 31 2 *", "never comes due"),
        ("0 0 0 31 APR,6,9,nov *", "never comes due"),
        ("0 0 22-2 * * *", "NCRONTAB turns it round and runs it from 2 to 22"),
        ("0 0 0 * * FRI-MON", "from 1 to 5"),
        ("0 */0 * * * *", "step of 0"),
        ("0 0 L * * *", "no number from 0 to 23"),
        ("0 0 0 * * T", "no number from 0 to 6"),
        ("0 0 0 * MONDAY *", "names there are january or jan"),
        ("0 0 0 * * ?", "no number, range, list or step"),
        ("0 1,,2 * * * *", "no number, range, list or step"),
        ("0 *-5 * * * *", "no number, range, list or step"),
        ("0 -1 * * * *", "no number, range, list or step"),
        ("0 ٣ * * * *", "no number, range, list or step"),
    ],
)
def test_any_other_schedule_is_refused_with_its_reason(expression: str, complaint: str) -> None:
    with pytest.raises(ScheduleError, match=complaint):
        Schedule(expression)
