"""The matrix: rows of numbers that never change."""

from __future__ import annotations

from fractions import Fraction
from typing import Callable, Iterable, Iterator, Sequence, Union

Number = Union[int, Fraction]


class ShapeError(ValueError):
    """Matrices whose shapes do not fit together."""


class Matrix:
    """An immutable matrix, indexed by row and column from zero."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Iterable[Iterable[Number]]) -> None:
        self._rows = tuple(tuple(row) for row in rows)
        if not self._rows or not self._rows[0]:
            raise ShapeError("a matrix needs a row and a column")
        width = len(self._rows[0])
        for number, row in enumerate(self._rows):
            if len(row) != width:
                raise ShapeError(f"row {number} has {len(row)} entries, not {width}")

    @property
    def shape(self) -> tuple[int, int]:
        """Returns the numbers of rows and columns."""
        return len(self._rows), len(self._rows[0])

    @property
    def is_square(self) -> bool:
        """Says whether there are as many rows as columns."""
        height, width = self.shape
        return height == width

    def __getitem__(self, place: tuple[int, int]) -> Number:
        row, column = place
        height, width = self.shape
        if not (0 <= row < height and 0 <= column < width):
            raise IndexError(f"no entry {row}, {column} in {height} x {width}")
        return self._rows[row][column]

    def __iter__(self) -> Iterator[tuple[Number, ...]]:
        return iter(self._rows)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Matrix):
            return NotImplemented
        return self._rows == other._rows

    def __hash__(self) -> int:
        return hash(self._rows)

    def __repr__(self) -> str:
        return "Matrix(" + "; ".join(" ".join(str(entry) for entry in row) for row in self) + ")"

    def row(self, number: int) -> tuple[Number, ...]:
        """Returns one row."""
        return self._rows[number]

    def column(self, number: int) -> tuple[Number, ...]:
        """Returns one column."""
        return tuple(row[number] for row in self._rows)

    def map(self, change: Callable[[Number], Number]) -> Matrix:
        """Changes every entry."""
        return Matrix([change(entry) for entry in row] for row in self)

    def _paired(self, other: Matrix, combine: Callable[[Number, Number], Number]) -> Matrix:
        """Combines entries in the same place."""
        if self.shape != other.shape:
            raise ShapeError(f"shapes {self.shape} and {other.shape} differ")
        return Matrix([combine(a, b) for a, b in zip(left, right)] for left, right in zip(self, other))

    def __add__(self, other: Matrix) -> Matrix:
        return self._paired(other, lambda a, b: a + b)

    def __sub__(self, other: Matrix) -> Matrix:
        return self._paired(other, lambda a, b: a - b)

    def __neg__(self) -> Matrix:
        return self.map(lambda entry: -entry)

    def scale(self, factor: Number) -> Matrix:
        """Multiplies every entry."""
        return self.map(lambda entry: entry * factor)

    def __matmul__(self, other: Matrix) -> Matrix:
        if self.shape[1] != other.shape[0]:
            raise ShapeError(f"cannot multiply {self.shape} by {other.shape}")
        columns = list(other.transpose())
        return Matrix([sum(a * b for a, b in zip(row, column)) for column in columns] for row in self)

    def __pow__(self, exponent: int) -> Matrix:
        """Raises a square matrix to a power, by squaring."""
        if not self.is_square or exponent < 0:
            raise ShapeError(f"no power {exponent} of a matrix of shape {self.shape}")
        size = len(self._rows)
        result = Matrix([int(i == j) for j in range(size)] for i in range(size))
        base = self
        while exponent:
            if exponent % 2 == 1:
                result = result @ base
            base = base @ base
            exponent //= 2
        return result

    def transpose(self) -> Matrix:
        """Turns rows into columns."""
        return Matrix(zip(*self._rows))

    def trace(self) -> Number:
        """Adds up the diagonal."""
        if not self.is_square:
            raise ShapeError(f"a matrix of shape {self.shape} has no trace")
        return sum(row[at] for at, row in enumerate(self))

    def without(self, row: int, column: int) -> Matrix:
        """Leaves out one row and one column."""
        kept = [line for at, line in enumerate(self) if at != row]
        return Matrix(line[:column] + line[column + 1 :] for line in kept)

    def beside(self, other: Matrix) -> Matrix:
        """Puts another matrix to the right."""
        if self.shape[0] != other.shape[0]:
            raise ShapeError(f"{self.shape[0]} and {other.shape[0]} rows cannot stand side by side")
        return Matrix(left + right for left, right in zip(self, other))

    def columns(self, numbers: Sequence[int]) -> Matrix:
        """Keeps some columns, in the order given."""
        return Matrix([row[number] for number in numbers] for row in self)
