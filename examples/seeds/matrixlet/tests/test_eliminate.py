import unittest
from fractions import Fraction

from matrixlet import (
    Matrix,
    ShapeError,
    adjugate,
    determinant,
    identity,
    inverse,
    parse_matrix,
    rank,
    row_echelon,
)


class Echelons(unittest.TestCase):
    def test_reduced(self):
        reduced = row_echelon(parse_matrix("2 4 6; 1 3 5"))
        self.assertEqual(reduced.matrix, parse_matrix("1 0 -1; 0 1 2"))
        self.assertEqual((reduced.pivots, reduced.factor), ((0, 1), 2))

    def test_swap_changes_the_sign(self):
        reduced = row_echelon(parse_matrix("0 3; 2 1"))
        self.assertEqual((reduced.matrix, reduced.factor), (identity(2), -6))

    def test_column_without_a_pivot(self):
        reduced = row_echelon(parse_matrix("0 2 4; 0 1 3"))
        self.assertEqual((reduced.matrix, reduced.pivots), (parse_matrix("0 1 0; 0 0 1"), (1, 2)))

    def test_zero_rows_sink(self):
        self.assertEqual(row_echelon(parse_matrix("0 0; 5 10")).matrix, parse_matrix("1 2; 0 0"))

    def test_entries_are_fractions(self):
        self.assertIs(type(row_echelon(Matrix([[2]])).matrix[0, 0]), Fraction)

    def test_results_cannot_change(self):
        with self.assertRaises(AttributeError):
            row_echelon(Matrix([[2]])).factor = 1


class Rank(unittest.TestCase):
    def test_full(self):
        self.assertEqual(rank(parse_matrix("1 2; 3 4")), 2)

    def test_dependent(self):
        self.assertEqual(rank(parse_matrix("1 2; 2 4; 3 6")), 1)

    def test_zero(self):
        self.assertEqual(rank(parse_matrix("0 0")), 0)


class Determinant(unittest.TestCase):
    def test_two(self):
        self.assertEqual(determinant(parse_matrix("1 2; 3 4")), -2)

    def test_three(self):
        self.assertEqual(determinant(parse_matrix("2 0 1; 1 3 2; 1 1 1")), 0)
        self.assertEqual(determinant(parse_matrix("2 0 1; 1 3 2; 1 1 4")), 18)

    def test_rows_swapped(self):
        self.assertEqual(determinant(parse_matrix("0 1 0; 1 0 0; 0 0 1")), -1)

    def test_singular(self):
        self.assertEqual(determinant(parse_matrix("1 2; 2 4")), 0)

    def test_one(self):
        self.assertEqual(determinant(Matrix([[7]])), 7)

    def test_wide(self):
        with self.assertRaisesRegex(ShapeError, r"^a matrix of shape \(1, 2\) has no determinant$"):
            determinant(parse_matrix("1 2"))


class Inverse(unittest.TestCase):
    def test_two(self):
        self.assertEqual(inverse(parse_matrix("1 2; 3 4")), parse_matrix("-2 1; 3/2 -1/2"))

    def test_three(self):
        matrix = parse_matrix("0 1 2; 1 0 3; 4 -3 8")
        self.assertEqual(matrix @ inverse(matrix), identity(3))

    def test_singular(self):
        with self.assertRaisesRegex(ZeroDivisionError, "^the matrix is singular$"):
            inverse(parse_matrix("1 2; 2 4"))

    def test_wide(self):
        with self.assertRaisesRegex(ShapeError, r"^a matrix of shape \(1, 2\) has no inverse$"):
            inverse(parse_matrix("1 2"))


class Adjugate(unittest.TestCase):
    def test_two(self):
        self.assertEqual(adjugate(parse_matrix("1 2; 3 4")), parse_matrix("4 -2; -3 1"))

    def test_three(self):
        matrix = parse_matrix("2 0 1; 1 3 2; 1 1 4")
        self.assertEqual(matrix @ adjugate(matrix), identity(3).scale(18))

    def test_singular(self):
        self.assertEqual(adjugate(parse_matrix("1 2; 2 4")), parse_matrix("4 -2; -2 1"))

    def test_too_small(self):
        with self.assertRaisesRegex(ShapeError, r"^no cofactors for a matrix of shape \(1, 1\)$"):
            adjugate(Matrix([[1]]))

    def test_wide(self):
        with self.assertRaisesRegex(ShapeError, r"^no cofactors for a matrix of shape \(2, 3\)$"):
            adjugate(parse_matrix("1 2 3; 4 5 6"))
