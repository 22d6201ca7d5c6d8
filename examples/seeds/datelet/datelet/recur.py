"""Dates that repeat."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count as count_from
from typing import Iterator, Optional

from .day import Day, days_in_month
from .week import weekday


def nth_weekday(year: int, month: int, which: int, nth: int) -> Day:
    """Returns the nth Monday (0) to Sunday (6) of a month; -1 is the last."""
    if nth == 0:
        raise ValueError("there is no weekday number 0")
    if nth > 0:
        first = Day(year, month, 1)
        number = 1 + (which - weekday(first)) % 7 + (nth - 1) * 7
    else:
        last = Day(year, month, 1).month_end()
        number = last.day - (weekday(last) - which) % 7 + (nth + 1) * 7
    if not 1 <= number <= days_in_month(year, month):
        raise ValueError(f"month {month} of {year} has no weekday {which} number {nth}")
    return Day(year, month, number)


@dataclass(frozen=True)
class Rule:
    """Every `interval` days, weeks, months or years."""

    unit: str
    interval: int = 1
    weekdays: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.unit not in ("day", "week", "month", "year"):
            raise ValueError(f"unknown unit {self.unit!r}")
        if self.interval < 1:
            raise ValueError(f"an interval must be at least 1, not {self.interval}")
        if self.weekdays and self.unit != "week":
            raise ValueError("weekdays belong to weekly rules")


def _candidates(start: Day, rule: Rule) -> Iterator[Day]:
    """Yields days from `start` on, without an end; months that lack the day are left out."""
    for number in count_from():
        step = number * rule.interval
        if rule.unit == "day":
            yield start.add_days(step)
        elif rule.unit == "week":
            monday = start.add_days(step * 7 - weekday(start))
            for which in sorted(rule.weekdays or (weekday(start),)):
                candidate = monday.add_days(which)
                if candidate >= start:
                    yield candidate
        else:
            candidate = start.add_months(step * 12 if rule.unit == "year" else step)
            if candidate.day == start.day:
                yield candidate


def occurrences(
    start: Day, rule: Rule, *, count: Optional[int] = None, until: Optional[Day] = None
) -> list[Day]:
    """Returns the first `count` days, or those up to and including `until`."""
    if count is None and until is None:
        raise ValueError("say how many days, or until when")
    found: list[Day] = []
    for day in _candidates(start, rule):
        if count is not None and len(found) >= count:
            break
        if until is not None and day > until:
            break
        found.append(day)
    return found
