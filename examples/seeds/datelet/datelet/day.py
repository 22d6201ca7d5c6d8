"""A day of the Gregorian calendar, and its number since 1 January of year 1."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# Spans of years that are always of one length, with that length in days.
_CYCLES = ((400, 146097), (100, 36524), (4, 1461), (1, 365))
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})")


def is_leap(year: int) -> bool:
    """Says whether a year has a 29 February."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_in_month(year: int, month: int) -> int:
    """Returns the length of a month."""
    if not 1 <= month <= 12:
        raise ValueError(f"no month {month}")
    if month == 2 and is_leap(year):
        return 29
    return _MONTH_DAYS[month - 1]


def _days_before_year(year: int) -> int:
    """Counts the days of all years before this one."""
    past = year - 1
    return past * 365 + past // 4 - past // 100 + past // 400


@dataclass(frozen=True, order=True)
class Day:
    """One day; days compare and subtract."""

    year: int
    month: int
    day: int

    def __post_init__(self) -> None:
        if self.year < 1:
            raise ValueError(f"no year {self.year}")
        if not 1 <= self.day <= days_in_month(self.year, self.month):
            raise ValueError(f"no day {self.day} in month {self.month} of {self.year}")

    @classmethod
    def parse(cls, text: str) -> Day:
        """Reads `2024-02-29`."""
        match = _ISO.fullmatch(text)
        if match is None:
            raise ValueError(f"not a date: {text!r}")
        year, month, day = map(int, match.groups())
        return cls(year, month, day)

    @classmethod
    def from_ordinal(cls, ordinal: int) -> Day:
        """Returns the day with this number; 1 is the first day of year 1."""
        if ordinal < 1:
            raise ValueError(f"no day before the first: {ordinal}")
        rest = ordinal - 1
        year = 1
        for years, days in _CYCLES:
            # The last day of a leap year ends a cycle without starting a fifth part.
            whole = min(rest // days, 3) if years in (1, 100) else rest // days
            year += whole * years
            rest -= whole * days
        rest += 1
        month = 1
        while rest > days_in_month(year, month):
            rest -= days_in_month(year, month)
            month += 1
        return cls(year, month, rest)

    @property
    def day_of_year(self) -> int:
        """Counts from 1 on 1 January."""
        return self.day + sum(days_in_month(self.year, month) for month in range(1, self.month))

    @property
    def ordinal(self) -> int:
        """Returns the number of this day since the first of year 1."""
        return _days_before_year(self.year) + self.day_of_year

    @property
    def quarter(self) -> int:
        """Returns 1 to 4."""
        return (self.month + 2) // 3

    def __sub__(self, other: Day) -> int:
        return self.ordinal - other.ordinal

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}-{self.day:02d}"

    def add_days(self, days: int) -> Day:
        """Moves by days, back where negative."""
        return Day.from_ordinal(self.ordinal + days)

    def add_months(self, months: int) -> Day:
        """Moves by months; a day that the month lacks becomes its last."""
        years, month_index = divmod(self.month - 1 + months, 12)
        year, month = self.year + years, month_index + 1
        return Day(year, month, min(self.day, days_in_month(year, month)))

    def month_end(self) -> Day:
        """Returns the last day of this month."""
        return Day(self.year, self.month, days_in_month(self.year, self.month))
