"""Calendar arithmetic on plain integers."""

from .day import Day, days_in_month, is_leap
from .duration import Duration, between, parse_duration
from .recur import Rule, nth_weekday, occurrences
from .week import from_iso_week, iso_week, weekday, weekday_name, weeks_in_year, workdays_between

__all__ = [
    "Day",
    "Duration",
    "Rule",
    "between",
    "days_in_month",
    "from_iso_week",
    "is_leap",
    "iso_week",
    "nth_weekday",
    "occurrences",
    "parse_duration",
    "weekday",
    "weekday_name",
    "weeks_in_year",
    "workdays_between",
]
