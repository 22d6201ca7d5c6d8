"""Weekdays and ISO weeks; Monday is 0."""

from __future__ import annotations

from typing import Collection

from .day import Day

NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SATURDAY = 5


def weekday(day: Day) -> int:
    """Returns 0 on a Monday, 6 on a Sunday."""
    return (day.ordinal - 1) % 7


def weekday_name(day: Day, *, short: bool = False) -> str:
    """Returns the English name, or its first three letters."""
    name = NAMES[weekday(day)]
    return name[:3] if short else name


def weeks_in_year(year: int) -> int:
    """Returns 52 or 53: a long year has a Thursday at one of its ends."""
    first, last = weekday(Day(year, 1, 1)), weekday(Day(year, 12, 31))
    return 53 if first == 3 or last == 3 else 52


def iso_week(day: Day) -> tuple[int, int, int]:
    """Returns ISO year, week and weekday; ISO weekdays run from 1 to 7."""
    position = weekday(day)
    week = (day.day_of_year - position + 9) // 7
    if week < 1:
        return day.year - 1, weeks_in_year(day.year - 1), position + 1
    if week > weeks_in_year(day.year):
        return day.year + 1, 1, position + 1
    return day.year, week, position + 1


def from_iso_week(year: int, week: int, iso_weekday: int = 1) -> Day:
    """Returns the day of an ISO week."""
    if not 1 <= week <= weeks_in_year(year):
        raise ValueError(f"no week {week} in {year}")
    if not 1 <= iso_weekday <= 7:
        raise ValueError(f"no weekday {iso_weekday}")
    fourth = Day(year, 1, 4)
    return fourth.add_days((week - 1) * 7 + iso_weekday - 1 - weekday(fourth))


def workdays_between(start: Day, end: Day, holidays: Collection[Day] = ()) -> int:
    """Counts the working days from `start` up to, but not including, `end`."""
    if end < start:
        return -workdays_between(end, start, holidays)
    weeks, rest = divmod(end - start, 7)
    count = weeks * 5
    for offset in range(rest):
        if (weekday(start) + offset) % 7 < SATURDAY:
            count += 1
    for holiday in set(holidays):
        if start <= holiday < end and weekday(holiday) < SATURDAY:
            count -= 1
    return count
