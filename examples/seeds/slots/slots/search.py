"""Finding free time."""

from __future__ import annotations

from typing import Iterable, Iterator, Optional, Sequence

from .calendar import Calendar
from .interval import Interval
from .spans import complement, intersect


def _full_spans(calendar: Calendar, window: Interval) -> list[Interval]:
    """Returns the parts of `window` in which every seat is taken."""
    edges = {window.start, window.end}
    for booking in calendar.during(window):
        edges.update(edge for edge in booking.span if window.holds(edge))
    points = sorted(edges)
    pieces = [Interval(start, end) for start, end in zip(points, points[1:])]
    return [piece for piece in pieces if calendar.load(piece) >= calendar.seats]


def free_slots(
    calendar: Calendar, window: Interval, length: int, step: Optional[int] = None
) -> Iterator[Interval]:
    """Yields free slots of `length`; starts are multiples of `step` where one is given."""
    if length < 1:
        raise ValueError(f"a slot has a length of at least 1, not {length}")
    for gap in complement(_full_spans(calendar, window), window):
        start = gap.start
        if step is not None:
            start += -start % step
        while start + length <= gap.end:
            yield Interval(start, start + length)
            start += length if step is None else step


def first_fit(calendar: Calendar, window: Interval, length: int, *, buffer: int = 0) -> Optional[Interval]:
    """Returns the earliest free slot that keeps `buffer` clear on both sides."""
    for slot in free_slots(calendar, window, length + 2 * buffer):
        return slot.pad(-buffer, -buffer)
    return None


def common_free(calendars: Sequence[Calendar], window: Interval, least: int = 1) -> list[Interval]:
    """Returns the times of at least `least` when every calendar has a free seat."""
    common: Iterable[Interval] = [window]
    for calendar in calendars:
        common = intersect(common, complement(_full_spans(calendar, window), window))
    return [span for span in common if span.length >= least]
