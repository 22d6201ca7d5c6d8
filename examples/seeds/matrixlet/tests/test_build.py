import unittest
from fractions import Fraction

from matrixlet import (
    Matrix,
    ShapeError,
    block,
    diagonal,
    from_function,
    identity,
    parse_matrix,
    rotation,
    zeros,
)


class Plain(unittest.TestCase):
    def test_zeros(self):
        self.assertEqual(zeros(1, 3), Matrix([[0, 0, 0]]))

    def test_identity(self):
        self.assertEqual(identity(2), Matrix([[1, 0], [0, 1]]))

    def test_diagonal(self):
        self.assertEqual(diagonal([5, 7]), Matrix([[5, 0], [0, 7]]))

    def test_from_function(self):
        self.assertEqual(from_function(2, 3, lambda i, j: 10 * i + j), Matrix([[0, 1, 2], [10, 11, 12]]))

    def test_block(self):
        self.assertEqual(
            block([Matrix([[1, 2]]), Matrix([[3], [4]])]), Matrix([[1, 2, 0], [0, 0, 3], [0, 0, 4]])
        )

    def test_three_blocks(self):
        self.assertEqual(block([identity(1)] * 3), identity(3))


class Rotation(unittest.TestCase):
    def test_takes_first_to_second(self):
        self.assertEqual((rotation(3, 0, 2) @ Matrix([[1], [0], [0]])).column(0), (0, 0, 1))

    def test_entries(self):
        self.assertEqual(rotation(3, 0, 1), Matrix([[0, -1, 0], [1, 0, 0], [0, 0, 1]]))

    def test_backwards(self):
        self.assertEqual(rotation(2, 1, 0), Matrix([[0, 1], [-1, 0]]))

    def test_four_turns(self):
        self.assertEqual(rotation(2, 0, 1) ** 4, identity(2))

    def test_same_axis(self):
        with self.assertRaisesRegex(ShapeError, "^no turn from axis 1 to 1 in 2 dimensions$"):
            rotation(2, 1, 1)

    def test_no_such_axis(self):
        for first, second in [(0, 2), (2, 0), (-1, 0), (0, -1)]:
            with self.assertRaises(ShapeError):
                rotation(2, first, second)


class Parsing(unittest.TestCase):
    def test_lines(self):
        self.assertEqual(parse_matrix("1 2\n3 4"), Matrix([[1, 2], [3, 4]]))

    def test_semicolons_and_empty_rows(self):
        self.assertEqual(parse_matrix("1 2;\n\n3 4;"), Matrix([[1, 2], [3, 4]]))

    def test_fractions(self):
        self.assertEqual(parse_matrix("1/2 0.25").row(0), (Fraction(1, 2), Fraction(1, 4)))

    def test_whole_numbers_are_integers(self):
        self.assertIs(type(parse_matrix("4/2")[0, 0]), int)

    def test_word(self):
        with self.assertRaisesRegex(ValueError, "^not a number: 'x' in row 1$"):
            parse_matrix("1 2; 3 x")

    def test_division_by_zero(self):
        with self.assertRaisesRegex(ValueError, "^not a number: '1/0' in row 0$"):
            parse_matrix("1/0")
