"""Booking arithmetic on half-open integer intervals."""

from .calendar import Booking, Calendar, Conflict
from .interval import Interval, parse_clock, show_clock
from .repeat import Every, expand
from .search import common_free, first_fit, free_slots
from .spans import complement, coverage, intersect, merge, subtract

__all__ = [
    "Booking",
    "Calendar",
    "Conflict",
    "Every",
    "Interval",
    "common_free",
    "complement",
    "coverage",
    "expand",
    "first_fit",
    "free_slots",
    "intersect",
    "merge",
    "parse_clock",
    "show_clock",
    "subtract",
]
