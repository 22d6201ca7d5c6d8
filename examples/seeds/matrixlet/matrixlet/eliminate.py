"""Gaussian elimination and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from .build import from_function, identity
from .matrix import Matrix, Number, ShapeError


@dataclass(frozen=True)
class Echelon:
    """A reduced matrix, its pivot columns, and the product of pivots with the sign of swaps."""

    matrix: Matrix
    pivots: tuple[int, ...]
    factor: Fraction


def row_echelon(matrix: Matrix) -> Echelon:
    """Reduces a matrix: each pivot is 1 and alone in its column."""
    rows = [[Fraction(entry) for entry in row] for row in matrix]
    height, width = matrix.shape
    pivots: list[int] = []
    factor = Fraction(1)
    for column in range(width):
        top = len(pivots)
        chosen = next((at for at in range(top, height) if rows[at][column] != 0), None)
        if chosen is None:
            continue
        if chosen != top:
            rows[top], rows[chosen] = rows[chosen], rows[top]
            factor = -factor
        pivot = rows[top][column]
        factor *= pivot
        rows[top] = [entry / pivot for entry in rows[top]]
        for at in range(height):
            if at != top:
                times = rows[at][column]
                rows[at] = [entry - times * base for entry, base in zip(rows[at], rows[top])]
        pivots.append(column)
    return Echelon(Matrix(rows), tuple(pivots), factor)


def rank(matrix: Matrix) -> int:
    """Counts the independent rows."""
    return len(row_echelon(matrix).pivots)


def determinant(matrix: Matrix) -> Number:
    """Returns the determinant of a square matrix."""
    if not matrix.is_square:
        raise ShapeError(f"a matrix of shape {matrix.shape} has no determinant")
    reduced = row_echelon(matrix)
    if len(reduced.pivots) < matrix.shape[0]:
        return 0
    return reduced.factor


def inverse(matrix: Matrix) -> Matrix:
    """Returns the inverse, by reducing the matrix beside the identity."""
    if not matrix.is_square:
        raise ShapeError(f"a matrix of shape {matrix.shape} has no inverse")
    size = matrix.shape[0]
    reduced = row_echelon(matrix.beside(identity(size)))
    if reduced.pivots != tuple(range(size)):
        raise ZeroDivisionError("the matrix is singular")
    return reduced.matrix.columns(range(size, 2 * size))


def adjugate(matrix: Matrix) -> Matrix:
    """Returns the transposed cofactors, which exist for singular matrices too."""
    if not matrix.is_square or matrix.shape[0] < 2:
        raise ShapeError(f"no cofactors for a matrix of shape {matrix.shape}")
    size = matrix.shape[0]
    return from_function(size, size, lambda i, j: (-1) ** (i + j) * determinant(matrix.without(j, i)))
