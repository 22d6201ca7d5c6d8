import unittest
from fractions import Fraction

from matrixlet import (
    NoSolution,
    ShapeError,
    Solution,
    Underdetermined,
    fit_polynomial,
    nullspace,
    parse_matrix,
    solve,
    solve_all,
)


class Solve(unittest.TestCase):
    def test_two_unknowns(self):
        self.assertEqual(solve(parse_matrix("2 1; 1 -1"), [7, 2]), (3, 1))

    def test_fraction(self):
        self.assertEqual(solve(parse_matrix("4"), [2]), (Fraction(1, 2),))

    def test_more_equations_than_unknowns(self):
        self.assertEqual(solve(parse_matrix("1 0; 0 1; 1 1"), [2, 3, 5]), (2, 3))

    def test_contradiction(self):
        with self.assertRaisesRegex(NoSolution, "^the equations contradict each other$"):
            solve(parse_matrix("1 1; 1 1"), [1, 2])

    def test_free_unknowns(self):
        with self.assertRaises(Underdetermined) as caught:
            solve(parse_matrix("1 0 2 3"), [4])
        self.assertEqual(
            (str(caught.exception), caught.exception.free), ("free unknowns: 1, 2, 3", (1, 2, 3))
        )

    def test_wrong_length(self):
        with self.assertRaises(ShapeError):
            solve(parse_matrix("1 0; 0 1"), [1])

    def test_errors_are_arithmetic(self):
        self.assertTrue(issubclass(NoSolution, ArithmeticError))
        self.assertTrue(issubclass(Underdetermined, ArithmeticError))


class SolveAll(unittest.TestCase):
    def test_line(self):
        self.assertEqual(solve_all(parse_matrix("1 2"), [6]), Solution((6, 0), ((-2, 1),)))

    def test_pivot_further_right(self):
        self.assertEqual(solve_all(parse_matrix("0 2"), [6]), Solution((0, 3), ((1, 0),)))

    def test_at(self):
        self.assertEqual(Solution((6, 0, 1), ((-2, 1, 0), (1, 0, 3))).at(2, 3), (5, 2, 10))

    def test_at_no_steps(self):
        self.assertEqual(Solution((6, 0), ()).at(), (6, 0))

    def test_at_needs_all_steps(self):
        with self.assertRaisesRegex(ShapeError, "^1 steps are needed, not 2$"):
            Solution((6, 0), ((-2, 1),)).at(1, 2)

    def test_solutions_cannot_change(self):
        with self.assertRaises(AttributeError):
            Solution((), ()).point = (1,)


class Nullspace(unittest.TestCase):
    def test_none(self):
        self.assertEqual(nullspace(parse_matrix("1 0; 0 1")), [])

    def test_two_directions(self):
        self.assertEqual(nullspace(parse_matrix("1 2 3")), [(-2, 1, 0), (-3, 0, 1)])

    def test_middle_is_free(self):
        self.assertEqual(nullspace(parse_matrix("1 4 0; 0 0 1")), [(-4, 1, 0)])


class Fit(unittest.TestCase):
    def test_line(self):
        self.assertEqual(fit_polynomial([(0, 1), (2, 5)]), (1, 2))

    def test_parabola(self):
        self.assertEqual(fit_polynomial([(-1, 6), (0, 3), (1, 2)]), (3, -2, 1))

    def test_single_point(self):
        self.assertEqual(fit_polynomial([(9, 4)]), (4,))

    def test_same_x(self):
        with self.assertRaisesRegex(ValueError, "^two points share an x$"):
            fit_polynomial([(1, 2), (1, 3)])
