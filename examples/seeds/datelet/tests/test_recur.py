import unittest

from datelet import Day, Rule, nth_weekday, occurrences


def days(*texts):
    return [Day.parse(text) for text in texts]


class NthWeekday(unittest.TestCase):
    def test_first_of_the_month(self):
        self.assertEqual(nth_weekday(2024, 7, 0, 1), Day(2024, 7, 1))

    def test_first_sunday(self):
        self.assertEqual(nth_weekday(2024, 7, 6, 1), Day(2024, 7, 7))

    def test_fifth(self):
        self.assertEqual(nth_weekday(2024, 7, 2, 5), Day(2024, 7, 31))

    def test_last(self):
        self.assertEqual(nth_weekday(2024, 7, 2, -1), Day(2024, 7, 31))
        self.assertEqual(nth_weekday(2024, 7, 3, -1), Day(2024, 7, 25))

    def test_last_but_one(self):
        self.assertEqual(nth_weekday(2024, 7, 3, -2), Day(2024, 7, 18))

    def test_first_counted_from_the_end(self):
        self.assertEqual(nth_weekday(2024, 7, 0, -5), Day(2024, 7, 1))
        self.assertEqual(nth_weekday(2024, 6, 5, -5), Day(2024, 6, 1))

    def test_first_of_a_month_that_starts_midweek(self):
        self.assertEqual([nth_weekday(2024, 8, which, 1).day for which in range(7)], [5, 6, 7, 1, 2, 3, 4])

    def test_last_of_other_months(self):
        self.assertEqual(nth_weekday(2024, 2, 3, -1), Day(2024, 2, 29))

    def test_no_fifth_from_the_end(self):
        with self.assertRaisesRegex(ValueError, "has no weekday 6 number -5$"):
            nth_weekday(2024, 7, 6, -5)

    def test_no_fifth(self):
        with self.assertRaisesRegex(ValueError, "^month 7 of 2024 has no weekday 3 number 5$"):
            nth_weekday(2024, 7, 3, 5)

    def test_number_zero(self):
        with self.assertRaisesRegex(ValueError, "^there is no weekday number 0$"):
            nth_weekday(2024, 7, 3, 0)


class Rules(unittest.TestCase):
    def test_defaults(self):
        self.assertEqual(Rule("day"), Rule("day", 1, ()))

    def test_unknown_unit(self):
        with self.assertRaisesRegex(ValueError, "^unknown unit 'hour'$"):
            Rule("hour")

    def test_interval_zero(self):
        with self.assertRaisesRegex(ValueError, "^an interval must be at least 1, not 0$"):
            Rule("day", 0)

    def test_weekdays_need_weeks(self):
        with self.assertRaisesRegex(ValueError, "^weekdays belong to weekly rules$"):
            Rule("day", weekdays=(1,))

    def test_rules_cannot_change(self):
        with self.assertRaises(AttributeError):
            Rule("day").unit = "week"


class Occurrences(unittest.TestCase):
    def setUp(self):
        self.start = Day(2024, 1, 31)

    def test_days(self):
        self.assertEqual(
            occurrences(self.start, Rule("day", 2), count=3), days("2024-01-31", "2024-02-02", "2024-02-04")
        )

    def test_weeks(self):
        self.assertEqual(occurrences(self.start, Rule("week", 2), count=2), days("2024-01-31", "2024-02-14"))

    def test_weekdays_after_the_start(self):
        self.assertEqual(
            occurrences(self.start, Rule("week", weekdays=(4, 0, 2)), count=4),
            days("2024-01-31", "2024-02-02", "2024-02-05", "2024-02-07"),
        )

    def test_months_without_the_day_are_left_out(self):
        self.assertEqual(
            occurrences(self.start, Rule("month"), count=3), days("2024-01-31", "2024-03-31", "2024-05-31")
        )

    def test_years(self):
        self.assertEqual(
            occurrences(Day(2023, 5, 1), Rule("year", 2), count=2), days("2023-05-01", "2025-05-01")
        )

    def test_leap_days(self):
        self.assertEqual(
            occurrences(Day(2024, 2, 29), Rule("year"), count=2), days("2024-02-29", "2028-02-29")
        )

    def test_until_is_included(self):
        self.assertEqual(len(occurrences(self.start, Rule("day"), until=Day(2024, 2, 2))), 3)

    def test_whichever_comes_first(self):
        self.assertEqual(len(occurrences(self.start, Rule("day"), count=2, until=Day(2024, 2, 9))), 2)

    def test_none_wanted(self):
        self.assertEqual(occurrences(self.start, Rule("day"), count=0), [])

    def test_no_end(self):
        with self.assertRaisesRegex(ValueError, "^say how many days, or until when$"):
            occurrences(self.start, Rule("day"))
