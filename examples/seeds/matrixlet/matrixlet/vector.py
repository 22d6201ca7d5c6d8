"""Functions on plain sequences of numbers."""

from __future__ import annotations

from fractions import Fraction
from math import gcd, lcm
from typing import Sequence

from .matrix import Number, ShapeError

Vector = Sequence[Number]


def dot(left: Vector, right: Vector) -> Number:
    """Returns the scalar product."""
    if len(left) != len(right):
        raise ShapeError(f"vectors of {len(left)} and {len(right)} entries")
    return sum(a * b for a, b in zip(left, right))


def squared_length(vector: Vector) -> Number:
    """Returns the square of the length, which stays exact."""
    return dot(vector, vector)


def cross(left: Vector, right: Vector) -> tuple[Number, Number, Number]:
    """Returns the vector product in three dimensions."""
    if len(left) != 3 or len(right) != 3:
        raise ShapeError("a vector product needs three dimensions")
    (a, b, c), (x, y, z) = left, right
    return b * z - c * y, c * x - a * z, a * y - b * x


def project(vector: Vector, onto: Vector) -> tuple[Number, ...]:
    """Returns the part of a vector along another."""
    length = squared_length(onto)
    if length == 0:
        raise ZeroDivisionError("cannot project onto zero")
    factor = Fraction(dot(vector, onto), length)
    return tuple(factor * entry for entry in onto)


def is_parallel(left: Vector, right: Vector) -> bool:
    """Says whether one vector is a multiple of the other; zero is one of all."""
    return dot(left, right) ** 2 == squared_length(left) * squared_length(right)


def primitive(vector: Vector) -> tuple[int, ...]:
    """Scales a vector to the smallest integers; the first that is not zero is positive."""
    exact = [Fraction(entry) for entry in vector]
    common = lcm(*(entry.denominator for entry in exact))
    whole = [int(entry * common) for entry in exact]
    divisor = gcd(*whole)
    if divisor == 0:
        return tuple(whole)
    leading = next(entry for entry in whole if entry != 0)
    if leading < 0:
        divisor = -divisor
    return tuple(entry // divisor for entry in whole)
