import unittest

from datelet import Day, Duration, between, parse_duration


class Durations(unittest.TestCase):
    def test_after(self):
        self.assertEqual(Duration(1, 2, 3).after(Day(2023, 1, 1)), Day(2024, 3, 4))

    def test_months_before_days(self):
        self.assertEqual(Duration(months=1, days=1).after(Day(2024, 1, 31)), Day(2024, 3, 1))

    def test_negative(self):
        self.assertEqual(-Duration(1, 2, 3), Duration(-1, -2, -3))

    def test_text(self):
        self.assertEqual(str(Duration(1, 2, -1)), "1 year, 2 months, -1 day")

    def test_text_leaves_zeros_out(self):
        self.assertEqual(str(Duration(days=5)), "5 days")

    def test_text_of_nothing(self):
        self.assertEqual(str(Duration()), "0 days")

    def test_durations_cannot_change(self):
        with self.assertRaises(AttributeError):
            Duration().days = 2


class Between(unittest.TestCase):
    def test_whole_years(self):
        self.assertEqual(between(Day(2020, 5, 6), Day(2023, 5, 6)), Duration(3, 0, 0))

    def test_one_day_short(self):
        self.assertEqual(between(Day(2020, 5, 6), Day(2023, 5, 5)), Duration(2, 11, 29))

    def test_days_only(self):
        self.assertEqual(between(Day(2024, 2, 28), Day(2024, 3, 1)), Duration(0, 0, 2))

    def test_across_a_year(self):
        self.assertEqual(between(Day(2023, 11, 30), Day(2024, 2, 1)), Duration(0, 2, 2))

    def test_same_day(self):
        self.assertEqual(between(Day(2024, 1, 1), Day(2024, 1, 1)), Duration())

    def test_backwards(self):
        self.assertEqual(between(Day(2024, 3, 5), Day(2024, 1, 3)), Duration(0, -2, -2))


class Parsing(unittest.TestCase):
    def test_each_unit(self):
        self.assertEqual([parse_duration(f"1{unit}") for unit in "wdhms"], [604800, 86400, 3600, 60, 1])

    def test_sum(self):
        self.assertEqual(parse_duration("1h 30m15s"), 5415)

    def test_wrong_order(self):
        with self.assertRaisesRegex(ValueError, "^units out of order in '5m 1h'$"):
            parse_duration("5m 1h")

    def test_twice(self):
        with self.assertRaisesRegex(ValueError, "units out of order"):
            parse_duration("5m 1m")

    def test_unknown_unit(self):
        with self.assertRaisesRegex(ValueError, "^not a duration: '5y'$"):
            parse_duration("5y")

    def test_no_unit(self):
        with self.assertRaisesRegex(ValueError, "^not a duration: '1h5'$"):
            parse_duration("1h5")

    def test_empty(self):
        with self.assertRaisesRegex(ValueError, "^an empty duration$"):
            parse_duration(" ")
