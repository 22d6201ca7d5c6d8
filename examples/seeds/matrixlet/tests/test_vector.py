import unittest
from fractions import Fraction

from matrixlet import ShapeError, cross, dot, is_parallel, primitive, project, squared_length


class Products(unittest.TestCase):
    def test_dot(self):
        self.assertEqual(dot([1, 2, 3], [4, -5, 6]), 12)

    def test_dot_of_other_lengths(self):
        with self.assertRaisesRegex(ShapeError, "^vectors of 1 and 2 entries$"):
            dot([1], [1, 2])

    def test_squared_length(self):
        self.assertEqual(squared_length([3, 4]), 25)

    def test_cross_of_axes(self):
        self.assertEqual(cross([1, 0, 0], [0, 1, 0]), (0, 0, 1))

    def test_cross(self):
        self.assertEqual(cross([2, 3, 5], [7, 11, 13]), (-16, 9, 1))

    def test_cross_in_two_dimensions(self):
        with self.assertRaisesRegex(ShapeError, "^a vector product needs three dimensions$"):
            cross([1, 2], [1, 2, 3])
        with self.assertRaises(ShapeError):
            cross([1, 2, 3], [1, 2])


class Project(unittest.TestCase):
    def test_onto_an_axis(self):
        self.assertEqual(project([3, 4], [0, 2]), (0, 4))

    def test_fraction(self):
        self.assertEqual(project([1, 0], [1, 2]), (Fraction(1, 5), Fraction(2, 5)))

    def test_onto_zero(self):
        with self.assertRaisesRegex(ZeroDivisionError, "^cannot project onto zero$"):
            project([1, 2], [0, 0])


class Parallel(unittest.TestCase):
    def test_multiple(self):
        self.assertTrue(is_parallel([1, 2], [-3, -6]))

    def test_not(self):
        self.assertFalse(is_parallel([1, 2], [2, 1]))

    def test_zero(self):
        self.assertTrue(is_parallel([0, 0], [2, 1]))


class Primitive(unittest.TestCase):
    def test_common_factor(self):
        self.assertEqual(primitive([6, -9, 3]), (2, -3, 1))

    def test_fractions(self):
        self.assertEqual(primitive([Fraction(1, 2), Fraction(1, 3)]), (3, 2))

    def test_first_is_positive(self):
        self.assertEqual(primitive([0, -2, 4]), (0, 1, -2))

    def test_zero(self):
        self.assertEqual(primitive([0, 0]), (0, 0))
