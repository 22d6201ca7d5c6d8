import unittest

from datelet import Day, days_in_month, is_leap


class LeapYears(unittest.TestCase):
    def test_every_fourth(self):
        self.assertEqual([year for year in range(2019, 2026) if is_leap(year)], [2020, 2024])

    def test_centuries_are_not(self):
        self.assertFalse(is_leap(1900))

    def test_every_fourth_century_is(self):
        self.assertTrue(is_leap(2000))

    def test_february(self):
        self.assertEqual([days_in_month(year, 2) for year in (2023, 2024)], [28, 29])

    def test_months(self):
        self.assertEqual([days_in_month(2024, month) for month in (1, 4, 12)], [31, 30, 31])

    def test_month_zero(self):
        with self.assertRaisesRegex(ValueError, "^no month 0$"):
            days_in_month(2024, 0)

    def test_month_thirteen(self):
        with self.assertRaisesRegex(ValueError, "^no month 13$"):
            days_in_month(2024, 13)


class Making(unittest.TestCase):
    def test_last_of_february(self):
        self.assertEqual(Day(2024, 2, 29).day, 29)

    def test_no_such_day(self):
        with self.assertRaisesRegex(ValueError, "^no day 29 in month 2 of 2023$"):
            Day(2023, 2, 29)

    def test_day_zero(self):
        with self.assertRaisesRegex(ValueError, "^no day 0 in month 1 of 2023$"):
            Day(2023, 1, 0)

    def test_year_zero(self):
        with self.assertRaisesRegex(ValueError, "^no year 0$"):
            Day(0, 1, 1)

    def test_parse(self):
        self.assertEqual(Day.parse("2024-02-09"), Day(2024, 2, 9))

    def test_parse_needs_padding(self):
        with self.assertRaisesRegex(ValueError, "^not a date: '2024-2-9'$"):
            Day.parse("2024-2-9")

    def test_text(self):
        self.assertEqual(str(Day(33, 4, 5)), "0033-04-05")

    def test_days_compare(self):
        self.assertLess(Day(2023, 12, 31), Day(2024, 1, 1))

    def test_days_cannot_change(self):
        with self.assertRaises(AttributeError):
            Day(2024, 1, 1).day = 2


class Ordinals(unittest.TestCase):
    def test_first_day(self):
        self.assertEqual(Day(1, 1, 1).ordinal, 1)

    def test_known_days(self):
        self.assertEqual(Day(1970, 1, 1).ordinal, 719163)
        self.assertEqual(Day(2024, 12, 31).ordinal, 739251)

    def test_back_from_known_numbers(self):
        self.assertEqual(Day.from_ordinal(719163), Day(1970, 1, 1))
        self.assertEqual(Day.from_ordinal(1), Day(1, 1, 1))

    def test_year_ends(self):
        for year in (1, 4, 100, 400, 1999, 2000, 2023, 2024):
            day = Day(year, 12, 31)
            self.assertEqual(Day.from_ordinal(day.ordinal), day)

    def test_year_starts(self):
        for year in (2, 5, 101, 401, 2000, 2001, 2024):
            day = Day(year, 1, 1)
            self.assertEqual(Day.from_ordinal(day.ordinal), day)

    def test_into_the_second_month(self):
        self.assertEqual(Day.from_ordinal(Day(2024, 2, 29).ordinal), Day(2024, 2, 29))
        self.assertEqual(Day.from_ordinal(Day(2023, 3, 1).ordinal), Day(2023, 3, 1))
        self.assertEqual(Day.from_ordinal(Day(2024, 11, 30).ordinal), Day(2024, 11, 30))

    def test_known_days_long_ago(self):
        self.assertEqual(
            [Day(year, 1, 1).ordinal for year in (100, 101, 401, 5001)], [36160, 36525, 146098, 1826213]
        )

    def test_before_the_first(self):
        with self.assertRaisesRegex(ValueError, "^no day before the first: 0$"):
            Day.from_ordinal(0)

    def test_day_of_year(self):
        self.assertEqual(Day(2023, 3, 1).day_of_year, 60)
        self.assertEqual(Day(2024, 12, 31).day_of_year, 366)

    def test_difference(self):
        self.assertEqual(Day(2024, 3, 1) - Day(2024, 2, 1), 29)

    def test_quarters(self):
        self.assertEqual([Day(2024, month, 1).quarter for month in (1, 3, 4, 9, 10, 12)], [1, 1, 2, 3, 4, 4])


class Moving(unittest.TestCase):
    def test_days(self):
        self.assertEqual(Day(2024, 2, 28).add_days(2), Day(2024, 3, 1))

    def test_days_back(self):
        self.assertEqual(Day(2024, 1, 1).add_days(-1), Day(2023, 12, 31))

    def test_months_across_a_year(self):
        self.assertEqual(Day(2023, 11, 5).add_months(2), Day(2024, 1, 5))

    def test_months_to_december(self):
        self.assertEqual(Day(2023, 11, 5).add_months(1), Day(2023, 12, 5))

    def test_months_back(self):
        self.assertEqual(Day(2024, 1, 31).add_months(-2), Day(2023, 11, 30))

    def test_month_lacks_the_day(self):
        self.assertEqual(Day(2024, 1, 31).add_months(1), Day(2024, 2, 29))

    def test_month_end(self):
        self.assertEqual(Day(2023, 2, 3).month_end(), Day(2023, 2, 28))
        self.assertEqual(Day(2023, 2, 4).month_end(), Day(2023, 2, 28))
