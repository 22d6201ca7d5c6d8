"""A calendar of bookings on one or more seats."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field, replace
from typing import Iterator, Optional

from .interval import Interval
from .spans import coverage


class Conflict(Exception):
    """A booking that found no free seat."""

    def __init__(self, wanted: Interval, blockers: list[str]) -> None:
        super().__init__(f"{wanted.start}-{wanted.end} clashes with {', '.join(blockers)}")
        self.wanted = wanted
        self.blockers = blockers


@dataclass(frozen=True, order=True)
class Booking:
    """An interval with a name; bookings sort by time, then by name."""

    span: Interval
    name: str
    priority: int = field(default=0, compare=False)


class Calendar:
    """Holds bookings so that never more than `seats` run at once."""

    def __init__(self, seats: int = 1) -> None:
        if seats < 1:
            raise ValueError(f"a calendar needs a seat, not {seats}")
        self.seats = seats
        self._bookings: list[Booking] = []

    def __iter__(self) -> Iterator[Booking]:
        return iter(self._bookings)

    def during(self, window: Interval) -> list[Booking]:
        """Returns the bookings that overlap `window`, in order."""
        stop = bisect_left(self._bookings, Booking(Interval(window.end, window.end), ""))
        return [booking for booking in self._bookings[:stop] if booking.span.overlaps(window)]

    def load(self, window: Interval) -> int:
        """Returns the largest number of bookings that run at once inside `window`."""
        edges: list[tuple[int, int]] = []
        for booking in self.during(window):
            edges.append((booking.span.start, 1))
            edges.append((booking.span.end, -1))
        running = peak = 0
        for _, step in sorted(edges):
            running += step
            peak = max(peak, running)
        return peak

    def book(self, name: str, start: int, end: int, *, priority: int = 0) -> Booking:
        """Adds a booking, or raises `Conflict` where no seat is free."""
        span = Interval.of(start, end)
        blockers = self.during(span)
        if self.load(span) >= self.seats:
            raise Conflict(span, [booking.name for booking in blockers])
        booking = Booking(span, name, priority)
        insort(self._bookings, booking)
        return booking

    def force(self, name: str, start: int, end: int, *, priority: int) -> list[Booking]:
        """Books by evicting weaker bookings, and returns those it evicted."""
        span = Interval.of(start, end)
        weaker = [booking for booking in self.during(span) if booking.priority < priority]
        evicted: list[Booking] = []
        for booking in sorted(weaker, key=lambda booking: booking.priority):
            if self.load(span) < self.seats:
                break
            self._bookings.remove(booking)
            evicted.append(booking)
        try:
            self.book(name, start, end, priority=priority)
        except Conflict:
            for booking in evicted:
                insort(self._bookings, booking)
            raise
        return evicted

    def cancel(self, name: str) -> int:
        """Removes every booking of this name; returns how many there were."""
        kept = [booking for booking in self._bookings if booking.name != name]
        removed = len(self._bookings) - len(kept)
        if not removed:
            raise LookupError(f"nothing is booked as {name!r}")
        self._bookings = kept
        return removed

    def move(self, name: str, by: int) -> Booking:
        """Shifts the first booking of this name; a conflict leaves it where it was."""
        found = self.find(name)
        if found is None:
            raise LookupError(f"nothing is booked as {name!r}")
        self._bookings.remove(found)
        target = found.span.shift(by)
        if self.load(target) >= self.seats:
            insort(self._bookings, found)
            raise Conflict(target, [booking.name for booking in self.during(target)])
        moved = replace(found, span=target)
        insort(self._bookings, moved)
        return moved

    def find(self, name: str) -> Optional[Booking]:
        """Returns the first booking of this name."""
        return next((booking for booking in self._bookings if booking.name == name), None)

    def usage(self, window: Interval) -> int:
        """Returns the percentage of `window` with at least one booking, rounded down."""
        return 100 * coverage([booking.span for booking in self], window) // window.length
