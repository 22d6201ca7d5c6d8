import unittest

from slots import Interval, parse_clock, show_clock


class Making(unittest.TestCase):
    def test_of(self):
        self.assertEqual(Interval.of(3, 4), (3, 4))

    def test_empty_is_refused(self):
        with self.assertRaisesRegex(ValueError, "^an interval must end after it starts: 4 >= 4$"):
            Interval.of(4, 4)

    def test_backwards_is_refused(self):
        with self.assertRaisesRegex(ValueError, "6 >= 2$"):
            Interval.of(6, 2)

    def test_length(self):
        self.assertEqual(Interval(3, 10).length, 7)

    def test_shift(self):
        self.assertEqual(Interval(3, 10).shift(-4), (-1, 6))

    def test_pad(self):
        self.assertEqual(Interval(5, 10).pad(before=2), (3, 10))
        self.assertEqual(Interval(5, 10).pad(after=3), (5, 13))

    def test_pad_cannot_empty_it(self):
        with self.assertRaises(ValueError):
            Interval(5, 10).pad(-2, -3)


class Relations(unittest.TestCase):
    def test_holds_its_start_but_not_its_end(self):
        self.assertEqual([point for point in range(7) if Interval(2, 5).holds(point)], [2, 3, 4])

    def test_overlaps(self):
        self.assertTrue(Interval(2, 5).overlaps(Interval(4, 9)))
        self.assertTrue(Interval(4, 9).overlaps(Interval(2, 5)))

    def test_neighbours_do_not_overlap(self):
        self.assertFalse(Interval(2, 5).overlaps(Interval(5, 9)))
        self.assertFalse(Interval(5, 9).overlaps(Interval(2, 5)))

    def test_touches_on_either_side(self):
        self.assertTrue(Interval(2, 5).touches(Interval(5, 9)))
        self.assertTrue(Interval(5, 9).touches(Interval(2, 5)))

    def test_overlapping_is_not_touching(self):
        self.assertFalse(Interval(2, 5).touches(Interval(4, 9)))

    def test_clip(self):
        self.assertEqual(Interval(2, 8).clip(Interval(4, 20)), (4, 8))
        self.assertEqual(Interval(2, 8).clip(Interval(0, 3)), (2, 3))

    def test_clip_of_a_neighbour(self):
        self.assertIsNone(Interval(2, 8).clip(Interval(8, 20)))


class Clock(unittest.TestCase):
    def test_parse(self):
        self.assertEqual(parse_clock("9:30"), 570)

    def test_end_of_day(self):
        self.assertEqual(parse_clock("24:00"), 1440)
        self.assertEqual(parse_clock("23:59"), 1439)

    def test_after_the_end_of_day(self):
        with self.assertRaisesRegex(ValueError, "^no such time of day: '24:01'$"):
            parse_clock("24:01")

    def test_sixty_minutes(self):
        with self.assertRaisesRegex(ValueError, "no such time"):
            parse_clock("3:60")

    def test_words(self):
        with self.assertRaisesRegex(ValueError, "^not a time of day: 'noon'$"):
            parse_clock("noon")

    def test_show(self):
        self.assertEqual(show_clock(570), "09:30")
        self.assertEqual(show_clock(1439), "23:59")
        self.assertEqual(show_clock(60), "01:00")

    def test_show_next_day(self):
        self.assertEqual(show_clock(1440), "00:00+1")

    def test_show_day_before(self):
        self.assertEqual(show_clock(-1), "23:59-1")
