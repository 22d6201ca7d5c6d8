"""Durations of months and days, and exact times in seconds."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .day import Day

_UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
_TERM = re.compile(r"(\d+)([a-z])")


@dataclass(frozen=True)
class Duration:
    """Years, months and days, each taken on its own."""

    years: int = 0
    months: int = 0
    days: int = 0

    def after(self, day: Day) -> Day:
        """Returns the day this long after `day`: months first, then days."""
        return day.add_months(self.years * 12 + self.months).add_days(self.days)

    def __neg__(self) -> Duration:
        return Duration(-self.years, -self.months, -self.days)

    def __str__(self) -> str:
        pairs = [(self.years, "year"), (self.months, "month"), (self.days, "day")]
        parts = [
            f"{count} {unit}" if abs(count) == 1 else f"{count} {unit}s" for count, unit in pairs if count
        ]
        return ", ".join(parts) or "0 days"


def between(start: Day, end: Day) -> Duration:
    """Returns the largest whole years, months and days that lead from `start` to `end`."""
    if end < start:
        return -between(end, start)
    months = (end.year - start.year) * 12 + end.month - start.month
    if start.add_months(months) > end:
        months -= 1
    days = end - start.add_months(months)
    return Duration(months // 12, months % 12, days)


def parse_duration(text: str) -> int:
    """Reads `1d 2h 30m` as seconds; units go from large to small, each once."""
    total = 0
    smallest = None
    at = 0
    body = text.replace(" ", "")
    while at < len(body):
        match = _TERM.match(body, at)
        if match is None or match.group(2) not in _UNITS:
            raise ValueError(f"not a duration: {text!r}")
        unit = _UNITS[match.group(2)]
        if smallest is not None and unit >= smallest:
            raise ValueError(f"units out of order in {text!r}")
        total += int(match.group(1)) * unit
        smallest = unit
        at = match.end()
    if smallest is None:
        raise ValueError("an empty duration")
    return total
