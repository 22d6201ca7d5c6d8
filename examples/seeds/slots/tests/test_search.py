import unittest

from slots import Calendar, Every, Interval, common_free, expand, first_fit, free_slots


def busy(*pairs, seats=1):
    calendar = Calendar(seats)
    for number, (start, end) in enumerate(pairs):
        calendar.book(f"b{number}", start, end)
    return calendar


DAY = Interval(0, 20)


class FreeSlots(unittest.TestCase):
    def test_back_to_back(self):
        self.assertEqual(list(free_slots(busy((4, 15)), DAY, 2)), [(0, 2), (2, 4), (15, 17), (17, 19)])

    def test_step_aligns_starts(self):
        self.assertEqual(list(free_slots(busy((0, 11)), DAY, 4, step=3)), [(12, 16), (15, 19)])

    def test_aligned_start_is_kept(self):
        self.assertEqual(list(free_slots(busy((0, 12)), DAY, 8, step=4)), [(12, 20)])

    def test_bookings_that_reach_out_of_the_window(self):
        self.assertEqual(list(free_slots(busy((-5, 8), (12, 30)), DAY, 4)), [(8, 12)])

    def test_second_seat_is_free(self):
        self.assertEqual(
            list(free_slots(busy((0, 20), (5, 10), seats=2), DAY, 5)), [(0, 5), (10, 15), (15, 20)]
        )

    def test_length_zero(self):
        with self.assertRaisesRegex(ValueError, "^a slot has a length of at least 1, not 0$"):
            list(free_slots(busy(), DAY, 0))

    def test_length_one(self):
        self.assertEqual(list(free_slots(busy((0, 19)), DAY, 1)), [(19, 20)])


class FirstFit(unittest.TestCase):
    def test_earliest(self):
        self.assertEqual(first_fit(busy((0, 3), (5, 9)), DAY, 4), (9, 13))

    def test_exact_gap(self):
        self.assertEqual(first_fit(busy((0, 3), (5, 9)), DAY, 2), (3, 5))

    def test_buffer_on_both_sides(self):
        self.assertEqual(first_fit(busy((0, 3), (7, 9)), DAY, 2, buffer=1), (4, 6))

    def test_buffer_makes_a_gap_too_small(self):
        self.assertEqual(first_fit(busy((0, 3), (6, 9)), DAY, 2, buffer=1), (10, 12))

    def test_none(self):
        self.assertIsNone(first_fit(busy((1, 19)), DAY, 2))


class CommonFree(unittest.TestCase):
    def test_all_must_be_free(self):
        self.assertEqual(common_free([busy((0, 5)), busy((8, 12))], DAY), [(5, 8), (12, 20)])

    def test_least_length(self):
        self.assertEqual(common_free([busy((0, 5)), busy((8, 12))], DAY, least=8), [(12, 20)])

    def test_single_points_count_by_default(self):
        self.assertEqual(common_free([busy((1, 20))], DAY), [(0, 1)])

    def test_nobody(self):
        self.assertEqual(common_free([], DAY), [DAY])


class Repeating(unittest.TestCase):
    FIRST = Interval(1, 3)

    def test_times(self):
        self.assertEqual(list(expand(self.FIRST, Every(7, times=3))), [(1, 3), (8, 10), (15, 17)])

    def test_until_is_the_last_end(self):
        self.assertEqual(list(expand(self.FIRST, Every(7, until=10))), [(1, 3), (8, 10)])

    def test_whichever_comes_first(self):
        self.assertEqual(list(expand(self.FIRST, Every(7, times=2, until=99))), [(1, 3), (8, 10)])
        self.assertEqual(list(expand(self.FIRST, Every(7, times=5, until=9))), [(1, 3)])

    def test_skipped_occurrences_count(self):
        self.assertEqual(list(expand(self.FIRST, Every(7, times=3), skip={0, 1})), [(15, 17)])

    def test_period_may_equal_the_length(self):
        self.assertEqual(list(expand(self.FIRST, Every(2, times=2))), [(1, 3), (3, 5)])

    def test_overlap_is_refused(self):
        with self.assertRaisesRegex(ValueError, "^occurrences of length 2 would overlap every 1$"):
            list(expand(self.FIRST, Every(1, times=2)))

    def test_period_zero(self):
        with self.assertRaisesRegex(ValueError, "^a period must be positive, not 0$"):
            Every(0, times=1)

    def test_endless(self):
        with self.assertRaisesRegex(ValueError, "^a repetition needs an end: times or until$"):
            Every(5)
