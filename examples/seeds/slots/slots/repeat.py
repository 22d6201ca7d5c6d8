"""Bookings that repeat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Collection, Iterator, Optional

from .interval import Interval


@dataclass(frozen=True)
class Every:
    """Repeats with a period, for a number of times or until a point."""

    period: int
    times: Optional[int] = None
    until: Optional[int] = None

    def __post_init__(self) -> None:
        if self.period <= 0:
            raise ValueError(f"a period must be positive, not {self.period}")
        if self.times is None and self.until is None:
            raise ValueError("a repetition needs an end: times or until")


def expand(first: Interval, rule: Every, skip: Collection[int] = ()) -> Iterator[Interval]:
    """Yields the occurrences of `first`; those numbered in `skip` count but are left out."""
    if first.length > rule.period:
        raise ValueError(f"occurrences of length {first.length} would overlap every {rule.period}")
    number = 0
    current = first
    while rule.times is None or number < rule.times:
        if rule.until is not None and current.end > rule.until:
            return
        if number not in skip:
            yield current
        number += 1
        current = current.shift(rule.period)
