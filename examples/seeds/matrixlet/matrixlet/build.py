"""Making matrices."""

from __future__ import annotations

from fractions import Fraction
from typing import Callable, Sequence

from .matrix import Matrix, Number, ShapeError


def zeros(height: int, width: int) -> Matrix:
    """Returns a matrix of zeros."""
    return Matrix([0] * width for _ in range(height))


def identity(size: int) -> Matrix:
    """Returns ones on the diagonal."""
    return diagonal([1] * size)


def diagonal(entries: Sequence[Number]) -> Matrix:
    """Returns the entries on the diagonal, and zeros elsewhere."""
    return from_function(len(entries), len(entries), lambda i, j: entries[i] if i == j else 0)


def from_function(height: int, width: int, entry: Callable[[int, int], Number]) -> Matrix:
    """Works out each entry from its row and column."""
    return Matrix([entry(i, j) for j in range(width)] for i in range(height))


def rotation(size: int, first: int, second: int) -> Matrix:
    """Returns the quarter turn that takes axis `first` to axis `second`."""
    if first == second or not (0 <= first < size and 0 <= second < size):
        raise ShapeError(f"no turn from axis {first} to {second} in {size} dimensions")
    rows = [list(row) for row in identity(size)]
    rows[first][first] = rows[second][second] = 0
    rows[second][first] = 1
    rows[first][second] = -1
    return Matrix(rows)


def block(parts: Sequence[Matrix]) -> Matrix:
    """Puts matrices along the diagonal of a larger one."""
    total = sum(part.shape[1] for part in parts)
    rows: list[tuple[Number, ...]] = []
    before = 0
    for part in parts:
        after = total - before - part.shape[1]
        for row in part:
            rows.append((0,) * before + row + (0,) * after)
        before += part.shape[1]
    return Matrix(rows)


def parse_matrix(text: str) -> Matrix:
    """Reads rows from lines or between semicolons; entries may be `3`, `1/2` or `0.25`."""
    rows: list[list[Number]] = []
    for line in text.replace(";", "\n").splitlines():
        entries: list[Number] = []
        for word in line.split():
            try:
                value = Fraction(word)
            except (ValueError, ZeroDivisionError):
                raise ValueError(f"not a number: {word!r} in row {len(rows)}") from None
            entries.append(int(value) if value.denominator == 1 else value)
        if entries:
            rows.append(entries)
    return Matrix(rows)
