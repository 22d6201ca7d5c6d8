"""One interval: its start belongs to it, its end does not."""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")


class Interval(NamedTuple):
    """The integers from `start` up to, but not including, `end`."""

    start: int
    end: int

    @classmethod
    def of(cls, start: int, end: int) -> Interval:
        """Makes an interval that holds at least one integer."""
        if start >= end:
            raise ValueError(f"an interval must end after it starts: {start} >= {end}")
        return cls(start, end)

    @property
    def length(self) -> int:
        """Returns how many integers it holds."""
        return self.end - self.start

    def holds(self, point: int) -> bool:
        """Says whether a point lies inside."""
        return self.start <= point < self.end

    def overlaps(self, other: Interval) -> bool:
        """Says whether the two share a point."""
        return self.start < other.end and other.start < self.end

    def touches(self, other: Interval) -> bool:
        """Says whether the two meet end to start, sharing nothing."""
        return self.end == other.start or other.end == self.start

    def clip(self, window: Interval) -> Optional[Interval]:
        """Returns the part inside `window`, if there is one."""
        start = max(self.start, window.start)
        end = min(self.end, window.end)
        return Interval(start, end) if start < end else None

    def shift(self, by: int) -> Interval:
        """Moves both ends."""
        return Interval(self.start + by, self.end + by)

    def pad(self, before: int = 0, after: int = 0) -> Interval:
        """Grows the interval; negative paddings shrink it."""
        return Interval.of(self.start - before, self.end + after)


def parse_clock(text: str) -> int:
    """Reads `9:30` as minutes since midnight; `24:00` is the end of the day."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise ValueError(f"not a time of day: {text!r}")
    hours, minutes = int(match.group(1)), int(match.group(2))
    total = hours * 60 + minutes
    if minutes > 59 or total > 1440:
        raise ValueError(f"no such time of day: {text!r}")
    return total


def show_clock(minutes: int) -> str:
    """Writes minutes as `09:30`, with `+1` for the next day and so on."""
    days, rest = divmod(minutes, 1440)
    text = f"{rest // 60:02d}:{rest % 60:02d}"
    return f"{text}{days:+d}" if days else text
