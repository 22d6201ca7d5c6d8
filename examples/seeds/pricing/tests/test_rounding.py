import unittest
from fractions import Fraction

from pricing import Rounding, round_to, spread

HALF = Fraction(1, 2)


class RoundTo(unittest.TestCase):
    def test_half_up_is_the_default(self):
        self.assertEqual([round_to(n + HALF) for n in (0, 1, 2)], [1, 2, 3])

    def test_below_half(self):
        self.assertEqual(round_to(Fraction(149, 100)), 1)

    def test_half_even(self):
        self.assertEqual([round_to(n + HALF, mode=Rounding.HALF_EVEN) for n in range(5)], [0, 2, 2, 4, 4])

    def test_half_even_above_half(self):
        self.assertEqual(round_to(Fraction(26, 10), mode=Rounding.HALF_EVEN), 3)
        self.assertEqual(round_to(Fraction(14, 10), mode=Rounding.HALF_EVEN), 1)

    def test_down(self):
        self.assertEqual(round_to(Fraction(199, 100), mode=Rounding.DOWN), 1)

    def test_up(self):
        self.assertEqual(round_to(Fraction(101, 100), mode=Rounding.UP), 2)

    def test_whole_numbers_stay(self):
        self.assertEqual([round_to(3, mode=mode) for mode in Rounding], [3, 3, 3, 3])

    def test_negative_mirrors_positive(self):
        self.assertEqual(round_to(-HALF), -1)
        self.assertEqual(round_to(-7), -7)
        self.assertEqual(round_to(Fraction(-19, 10), mode=Rounding.DOWN), -1)

    def test_step(self):
        self.assertEqual([round_to(n, 5) for n in (12, 13, 17, 18)], [10, 15, 15, 20])

    def test_step_zero(self):
        with self.assertRaisesRegex(ValueError, "^cannot round to steps of 0$"):
            round_to(1, 0)


class Spread(unittest.TestCase):
    def test_proportion(self):
        self.assertEqual(spread(100, [3, 1]), [75, 25])

    def test_largest_remainder_gains(self):
        self.assertEqual(spread(10, [1, 1, 4]), [2, 2, 6])

    def test_a_later_remainder_may_be_larger(self):
        self.assertEqual(spread(10, [5, 8, 3]), [3, 5, 2])
        self.assertEqual(spread(4, [4, 3, 3]), [2, 1, 1])
        self.assertEqual(spread(7, [6, 1, 5]), [3, 1, 3])

    def test_equal_remainders_first_gains(self):
        self.assertEqual(spread(5, [1, 1, 1]), [2, 2, 1])

    def test_nothing_to_spread(self):
        self.assertEqual(spread(0, [1, 2]), [0, 0])

    def test_over_nothing(self):
        with self.assertRaisesRegex(ValueError, "^cannot spread over nothing$"):
            spread(5, [0, 0])
