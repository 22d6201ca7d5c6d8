import unittest

from matrixlet import Matrix, ShapeError


def square():
    return Matrix([[1, 2], [3, 4]])


def wide():
    return Matrix([[1, 2, 3], [4, 5, 6]])


class Making(unittest.TestCase):
    def test_no_rows(self):
        with self.assertRaisesRegex(ShapeError, "^a matrix needs a row and a column$"):
            Matrix([])

    def test_no_columns(self):
        with self.assertRaisesRegex(ShapeError, "^a matrix needs a row and a column$"):
            Matrix([[], []])

    def test_ragged(self):
        with self.assertRaisesRegex(ShapeError, "^row 1 has 1 entries, not 2$"):
            Matrix([[1, 2], [3]])

    def test_shape(self):
        self.assertEqual(wide().shape, (2, 3))

    def test_is_square(self):
        self.assertTrue(square().is_square)
        self.assertFalse(wide().is_square)

    def test_equality(self):
        self.assertEqual(square(), Matrix([(1, 2), (3, 4)]))
        self.assertNotEqual(square(), Matrix([[1, 2], [3, 5]]))

    def test_equality_with_something_else(self):
        self.assertFalse(square() == [[1, 2], [3, 4]])

    def test_hash(self):
        self.assertEqual(len({square(), Matrix([(1, 2), (3, 4)]), wide()}), 2)

    def test_repr(self):
        self.assertEqual(repr(square()), "Matrix(1 2; 3 4)")

    def test_shape_error_is_a_value_error(self):
        self.assertTrue(issubclass(ShapeError, ValueError))


class Reading(unittest.TestCase):
    def test_entry(self):
        self.assertEqual((wide()[0, 2], wide()[1, 0]), (3, 4))

    def test_outside(self):
        for place in [(2, 0), (0, 3), (-1, 0), (0, -1)]:
            with self.assertRaises(IndexError):
                wide()[place]

    def test_outside_message(self):
        with self.assertRaisesRegex(IndexError, "^no entry 2, 1 in 2 x 3$"):
            wide()[2, 1]
        with self.assertRaisesRegex(IndexError, "^no entry 5, 0 in 2 x 3$"):
            wide()[5, 0]

    def test_row_and_column(self):
        self.assertEqual((wide().row(1), wide().column(1)), ((4, 5, 6), (2, 5)))

    def test_without(self):
        self.assertEqual(Matrix([[1, 2, 3], [4, 5, 6], [7, 8, 9]]).without(0, 1), Matrix([[4, 6], [7, 9]]))

    def test_columns(self):
        self.assertEqual(wide().columns([2, 0]), Matrix([[3, 1], [6, 4]]))


class Arithmetic(unittest.TestCase):
    def test_add(self):
        self.assertEqual(square() + square(), Matrix([[2, 4], [6, 8]]))

    def test_subtract(self):
        self.assertEqual(square() - Matrix([[1, 1], [1, 1]]), Matrix([[0, 1], [2, 3]]))

    def test_shapes_differ(self):
        with self.assertRaisesRegex(ShapeError, r"^shapes \(2, 2\) and \(2, 3\) differ$"):
            square() + wide()

    def test_negate(self):
        self.assertEqual(-square(), Matrix([[-1, -2], [-3, -4]]))

    def test_scale(self):
        self.assertEqual(square().scale(3), Matrix([[3, 6], [9, 12]]))

    def test_map(self):
        self.assertEqual(square().map(lambda entry: entry % 2), Matrix([[1, 0], [1, 0]]))

    def test_product(self):
        self.assertEqual(square() @ wide(), Matrix([[9, 12, 15], [19, 26, 33]]))

    def test_product_of_wrong_shapes(self):
        with self.assertRaisesRegex(ShapeError, r"^cannot multiply \(2, 3\) by \(2, 2\)$"):
            wide() @ square()

    def test_powers(self):
        fibonacci = Matrix([[1, 1], [1, 0]])
        self.assertEqual([(fibonacci**n)[0, 1] for n in range(8)], [0, 1, 1, 2, 3, 5, 8, 13])

    def test_power_zero(self):
        self.assertEqual(square() ** 0, Matrix([[1, 0], [0, 1]]))

    def test_power_order(self):
        self.assertEqual(square() ** 3, square() @ square() @ square())

    def test_negative_power(self):
        with self.assertRaisesRegex(ShapeError, "^no power -1 of a matrix"):
            square() ** -1

    def test_power_of_a_wide_matrix(self):
        with self.assertRaisesRegex(ShapeError, r"^no power 2 of a matrix of shape \(2, 3\)$"):
            wide() ** 2

    def test_transpose(self):
        self.assertEqual(wide().transpose(), Matrix([[1, 4], [2, 5], [3, 6]]))

    def test_trace(self):
        self.assertEqual(square().trace(), 5)

    def test_trace_of_a_wide_matrix(self):
        with self.assertRaisesRegex(ShapeError, r"^a matrix of shape \(2, 3\) has no trace$"):
            wide().trace()

    def test_beside(self):
        self.assertEqual(square().beside(wide()), Matrix([[1, 2, 1, 2, 3], [3, 4, 4, 5, 6]]))

    def test_beside_other_height(self):
        with self.assertRaisesRegex(ShapeError, "^2 and 1 rows cannot stand side by side$"):
            square().beside(Matrix([[1]]))
        with self.assertRaisesRegex(ShapeError, "^1 and 3 rows cannot stand side by side$"):
            Matrix([[1, 2]]).beside(Matrix([[1], [2], [3]]))
