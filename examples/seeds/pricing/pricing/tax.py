"""Taxes by class, in basis points."""

from __future__ import annotations

from fractions import Fraction
from typing import Mapping

from .rounding import Rounding, round_to

WHOLE = 10_000


def tax_of(net: int, rate: int, mode: Rounding = Rounding.HALF_UP) -> int:
    """Returns the tax on a net amount."""
    return round_to(Fraction(net * rate, WHOLE), mode=mode)


def gross_of(net: int, rate: int) -> int:
    """Adds the tax to a net amount."""
    return net + tax_of(net, rate)


def net_of(gross: int, rate: int, mode: Rounding = Rounding.HALF_UP) -> int:
    """Takes the tax out of a gross amount."""
    return round_to(Fraction(gross * WHOLE, WHOLE + rate), mode=mode)


class TaxTable:
    """The rate of each class; unknown classes are an error, never free of tax."""

    def __init__(self, rates: Mapping[str, int], *, inclusive: bool = True) -> None:
        for name, rate in rates.items():
            if not 0 <= rate < WHOLE:
                raise ValueError(f"rate {rate} of {name} is not in basis points")
        self._rates = dict(rates)
        self.inclusive = inclusive

    def rate(self, tax_class: str) -> int:
        """Returns the rate of a class."""
        if tax_class not in self._rates:
            known = ", ".join(sorted(self._rates))
            raise KeyError(f"no tax class {tax_class}; known are {known}")
        return self._rates[tax_class]

    def split(self, amount: int, tax_class: str) -> tuple[int, int]:
        """Returns net and tax of an amount as this table's prices mean it."""
        rate = self.rate(tax_class)
        if self.inclusive:
            net = net_of(amount, rate)
            return net, amount - net
        return amount, tax_of(amount, rate)
