"""Linear systems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from .eliminate import row_echelon
from .matrix import Matrix, Number, ShapeError


class NoSolution(ArithmeticError):
    """A system that contradicts itself."""


class Underdetermined(ArithmeticError):
    """A system with more than one solution."""

    def __init__(self, free: tuple[int, ...]) -> None:
        super().__init__("free unknowns: " + ", ".join(map(str, free)))
        self.free = free


@dataclass(frozen=True)
class Solution:
    """One solution, and the directions in which others lie."""

    point: tuple[Number, ...]
    directions: tuple[tuple[Number, ...], ...]

    def at(self, *steps: Number) -> tuple[Number, ...]:
        """Returns the solution some steps along each direction."""
        if len(steps) != len(self.directions):
            raise ShapeError(f"{len(self.directions)} steps are needed, not {len(steps)}")
        found = list(self.point)
        for step, direction in zip(steps, self.directions):
            for place, change in enumerate(direction):
                found[place] += step * change
        return tuple(found)


def nullspace(matrix: Matrix) -> list[tuple[Number, ...]]:
    """Returns a basis of the vectors that the matrix takes to zero."""
    reduced = row_echelon(matrix)
    width = matrix.shape[1]
    basis: list[tuple[Number, ...]] = []
    for free in range(width):
        if free in reduced.pivots:
            continue
        vector: list[Number] = [0] * width
        vector[free] = 1
        for row, pivot in enumerate(reduced.pivots):
            vector[pivot] = -reduced.matrix[row, free]
        basis.append(tuple(vector))
    return basis


def solve_all(matrix: Matrix, right: Sequence[Number]) -> Solution:
    """Returns every solution of `matrix x = right`."""
    width = matrix.shape[1]
    reduced = row_echelon(matrix.beside(Matrix([entry] for entry in right)))
    if width in reduced.pivots:
        raise NoSolution("the equations contradict each other")
    point: list[Number] = [0] * width
    for row, pivot in enumerate(reduced.pivots):
        point[pivot] = reduced.matrix[row, width]
    return Solution(tuple(point), tuple(nullspace(matrix)))


def solve(matrix: Matrix, right: Sequence[Number]) -> tuple[Number, ...]:
    """Returns the only solution of `matrix x = right`."""
    solution = solve_all(matrix, right)
    if solution.directions:
        pivots = row_echelon(matrix).pivots
        raise Underdetermined(tuple(at for at in range(matrix.shape[1]) if at not in pivots))
    return solution.point


def fit_polynomial(points: Sequence[tuple[Number, Number]]) -> tuple[Number, ...]:
    """Returns the coefficients, constant first, of the polynomial through the points."""
    if len({x for x, _ in points}) < len(points):
        raise ValueError("two points share an x")
    powers = Matrix([x**power for power in range(len(points))] for x, _ in points)
    return solve(powers, [y for _, y in points])
