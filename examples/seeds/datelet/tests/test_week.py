import unittest

from datelet import Day, from_iso_week, iso_week, weekday, weekday_name, weeks_in_year, workdays_between


class Weekdays(unittest.TestCase):
    def test_monday_is_zero(self):
        self.assertEqual(weekday(Day(2024, 1, 1)), 0)

    def test_sunday_is_six(self):
        self.assertEqual(weekday(Day(2024, 3, 31)), 6)

    def test_name(self):
        self.assertEqual(weekday_name(Day(2024, 2, 29)), "Thursday")

    def test_short_name(self):
        self.assertEqual(weekday_name(Day(2024, 2, 29), short=True), "Thu")


class IsoWeeks(unittest.TestCase):
    def test_middle_of_the_year(self):
        self.assertEqual(iso_week(Day(2024, 7, 3)), (2024, 27, 3))

    def test_first_monday(self):
        self.assertEqual(iso_week(Day(2024, 1, 1)), (2024, 1, 1))

    def test_belongs_to_the_year_before(self):
        self.assertEqual(iso_week(Day(2021, 1, 3)), (2020, 53, 7))

    def test_short_year_before(self):
        self.assertEqual(iso_week(Day(2023, 1, 1)), (2022, 52, 7))

    def test_belongs_to_the_next_year(self):
        self.assertEqual(iso_week(Day(2024, 12, 30)), (2025, 1, 1))

    def test_last_week_of_a_long_year(self):
        self.assertEqual(iso_week(Day(2020, 12, 31)), (2020, 53, 4))

    def test_long_years(self):
        self.assertEqual(
            [year for year in range(2014, 2027) if weeks_in_year(year) == 53], [2015, 2020, 2026]
        )

    def test_long_year_from_a_thursday(self):
        self.assertEqual([weeks_in_year(year) for year in (2009, 1976)], [53, 53])

    def test_first_days_of_years(self):
        found = [iso_week(Day(year, 1, 1))[:2] for year in (2018, 2019, 2020, 2015, 2016, 2017)]
        self.assertEqual(found, [(2018, 1), (2019, 1), (2020, 1), (2015, 1), (2015, 53), (2016, 52)])

    def test_mondays_of_first_weeks(self):
        found = [str(from_iso_week(year, 1)) for year in (2018, 2019, 2020, 2015, 2016, 2017)]
        self.assertEqual(
            found, ["2018-01-01", "2018-12-31", "2019-12-30", "2014-12-29", "2016-01-04", "2017-01-02"]
        )

    def test_short_year(self):
        self.assertEqual(weeks_in_year(2023), 52)

    def test_from_week(self):
        self.assertEqual(from_iso_week(2024, 27, 3), Day(2024, 7, 3))

    def test_monday_by_default(self):
        self.assertEqual(from_iso_week(2021, 1), Day(2021, 1, 4))

    def test_week_that_starts_in_the_year_before(self):
        self.assertEqual(from_iso_week(2025, 1), Day(2024, 12, 30))

    def test_week_53(self):
        self.assertEqual(from_iso_week(2020, 53, 7), Day(2021, 1, 3))

    def test_no_week_53(self):
        with self.assertRaisesRegex(ValueError, "^no week 53 in 2021$"):
            from_iso_week(2021, 53)

    def test_no_week_zero(self):
        with self.assertRaisesRegex(ValueError, "^no week 0 in 2021$"):
            from_iso_week(2021, 0)

    def test_no_weekday_eight(self):
        with self.assertRaisesRegex(ValueError, "^no weekday 8$"):
            from_iso_week(2021, 1, 8)

    def test_no_weekday_zero(self):
        with self.assertRaisesRegex(ValueError, "^no weekday 0$"):
            from_iso_week(2021, 1, 0)


class Workdays(unittest.TestCase):
    def setUp(self):
        self.monday = Day(2024, 7, 1)

    def count(self, days, *holidays):
        return workdays_between(self.monday, self.monday.add_days(days), holidays)

    def test_whole_weeks(self):
        self.assertEqual(self.count(14), 10)

    def test_part_of_a_week(self):
        self.assertEqual([self.count(days) for days in range(8)], [0, 1, 2, 3, 4, 5, 5, 5])

    def test_from_a_saturday(self):
        self.assertEqual(workdays_between(Day(2024, 7, 6), Day(2024, 7, 9)), 1)

    def test_from_a_friday(self):
        self.assertEqual(workdays_between(Day(2024, 7, 5), Day(2024, 7, 8)), 1)

    def test_backwards(self):
        self.assertEqual(workdays_between(Day(2024, 7, 9), self.monday, [Day(2024, 7, 2)]), -5)

    def test_holiday(self):
        self.assertEqual(self.count(7, Day(2024, 7, 4)), 4)

    def test_holiday_given_twice(self):
        self.assertEqual(self.count(7, Day(2024, 7, 4), Day(2024, 7, 4)), 4)

    def test_holiday_on_a_saturday(self):
        self.assertEqual(self.count(7, Day(2024, 7, 6)), 5)

    def test_holiday_at_the_start_counts(self):
        self.assertEqual(self.count(7, self.monday), 4)

    def test_holiday_at_the_end_does_not(self):
        self.assertEqual(self.count(7, Day(2024, 7, 8)), 5)
