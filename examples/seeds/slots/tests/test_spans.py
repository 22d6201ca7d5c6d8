import unittest

from slots import Interval, complement, coverage, intersect, merge, subtract


def spans(*pairs):
    return [Interval(start, end) for start, end in pairs]


class Merge(unittest.TestCase):
    def test_sorts(self):
        self.assertEqual(merge(spans((5, 6), (1, 2))), [(1, 2), (5, 6)])

    def test_joins_touching(self):
        self.assertEqual(merge(spans((1, 3), (3, 5))), [(1, 5)])

    def test_keeps_a_hole_of_one(self):
        self.assertEqual(merge(spans((1, 3), (4, 5))), [(1, 3), (4, 5)])

    def test_gap_bridges_holes(self):
        self.assertEqual(merge(spans((1, 3), (5, 6), (9, 10)), gap=2), [(1, 6), (9, 10)])

    def test_compares_with_the_last(self):
        self.assertEqual(merge(spans((1, 2), (4, 6), (5, 9))), [(1, 2), (4, 9)])

    def test_inner_interval_does_not_shorten(self):
        self.assertEqual(merge(spans((1, 9), (2, 3))), [(1, 9)])

    def test_nothing(self):
        self.assertEqual(merge([]), [])


class Intersect(unittest.TestCase):
    def test_several_parts(self):
        self.assertEqual(
            intersect(spans((0, 10), (20, 30)), spans((5, 22), (28, 40))), [(5, 10), (20, 22), (28, 30)]
        )

    def test_equal_ends(self):
        self.assertEqual(intersect(spans((0, 5), (7, 9)), spans((3, 5), (7, 8))), [(3, 5), (7, 8)])

    def test_disjoint(self):
        self.assertEqual(intersect(spans((0, 5)), spans((5, 9))), [])

    def test_unsorted_input(self):
        self.assertEqual(intersect(spans((7, 9), (0, 2)), spans((0, 9))), [(0, 2), (7, 9)])


class Complement(unittest.TestCase):
    def holes(self, *pairs):
        return list(complement(spans(*pairs), Interval(10, 20)))

    def test_nothing_covered(self):
        self.assertEqual(self.holes(), [(10, 20)])

    def test_middle(self):
        self.assertEqual(self.holes((12, 15)), [(10, 12), (15, 20)])

    def test_all_covered(self):
        self.assertEqual(self.holes((9, 21)), [])

    def test_ends_exactly(self):
        self.assertEqual(self.holes((10, 12), (18, 20)), [(12, 18)])

    def test_outside_is_ignored(self):
        self.assertEqual(self.holes((1, 5), (20, 30), (40, 50)), [(10, 20)])

    def test_before_and_inside(self):
        self.assertEqual(self.holes((1, 5), (12, 13)), [(10, 12), (13, 20)])

    def test_reaching_in_from_the_left(self):
        self.assertEqual(self.holes((1, 11)), [(11, 20)])


class Subtract(unittest.TestCase):
    def test_cuts_each(self):
        self.assertEqual(subtract(spans((0, 5), (6, 9)), spans((3, 7))), [(0, 3), (7, 9)])

    def test_holes_may_be_an_iterator(self):
        self.assertEqual(subtract(spans((0, 5), (6, 9)), iter(spans((3, 7)))), [(0, 3), (7, 9)])


class Coverage(unittest.TestCase):
    def test_overlaps_count_once(self):
        self.assertEqual(coverage(spans((0, 5), (3, 8)), Interval(0, 100)), 8)

    def test_only_inside_the_window(self):
        self.assertEqual(coverage(spans((0, 5), (9, 30)), Interval(4, 10)), 2)
