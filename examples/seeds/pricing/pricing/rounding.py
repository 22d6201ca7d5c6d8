"""Rounding of exact fractions to whole units."""

from __future__ import annotations

from enum import Enum
from fractions import Fraction
from typing import Union

Exact = Union[int, Fraction]


class Rounding(Enum):
    """What happens to a part of a unit."""

    DOWN = "down"
    UP = "up"
    HALF_UP = "half up"
    HALF_EVEN = "half even"


def round_to(value: Exact, step: int = 1, mode: Rounding = Rounding.HALF_UP) -> int:
    """Rounds to a multiple of `step`; `DOWN` and `UP` mean towards and away from zero."""
    if step < 1:
        raise ValueError(f"cannot round to steps of {step}")
    magnitude = abs(Fraction(value, step))
    whole = magnitude.numerator // magnitude.denominator
    rest = magnitude - whole
    half = Fraction(1, 2)
    if mode is Rounding.UP:
        grow = rest > 0
    elif mode is Rounding.HALF_UP:
        grow = rest >= half
    elif mode is Rounding.HALF_EVEN:
        grow = rest > half or (rest == half and whole % 2 == 1)
    else:
        grow = False
    rounded = (whole + 1 if grow else whole) * step
    return rounded if value >= 0 else -rounded


def spread(amount: int, parts: list[int]) -> list[int]:
    """Splits an amount in proportion to `parts`; the largest remainders gain a unit."""
    base = sum(parts)
    if base == 0:
        raise ValueError("cannot spread over nothing")
    exact = [Fraction(amount * part, base) for part in parts]
    shares = [value.numerator // value.denominator for value in exact]
    by_rest = sorted(range(len(parts)), key=lambda at: (shares[at] - exact[at], at))
    for at in by_rest[: amount - sum(shares)]:
        shares[at] += 1
    return shares
