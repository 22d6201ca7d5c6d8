"""Discounts, and which of them to use together."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Optional, Sequence

from .basket import Basket
from .rounding import Rounding, round_to


@dataclass(frozen=True)
class Discount:
    """The common part: a name, and whether it tolerates others."""

    name: str
    exclusive: bool = False

    def amount(self, basket: Basket) -> int:
        """Returns what is taken off a basket."""
        raise NotImplementedError(self.name)


@dataclass(frozen=True)
class PercentOff(Discount):
    """A percentage of everything, or of the items with a tag."""

    percent: int = 0
    tag: Optional[str] = None
    cap: Optional[int] = None

    def amount(self, basket: Basket) -> int:
        base = basket.subtotal
        if self.tag is not None:
            base = sum(item.subtotal for item in basket.tagged(self.tag))
        off = round_to(Fraction(base * self.percent, 100), mode=Rounding.DOWN)
        return off if self.cap is None else min(off, self.cap)


@dataclass(frozen=True)
class FixedOff(Discount):
    """A fixed sum, never more than the basket is worth."""

    value: int = 0

    def amount(self, basket: Basket) -> int:
        return min(self.value, basket.subtotal)


@dataclass(frozen=True)
class BuyGet(Discount):
    """Of every `buy + get` tagged units the cheapest `get` are free."""

    buy: int = 1
    get: int = 1
    tag: str = ""

    def amount(self, basket: Basket) -> int:
        prices: list[int] = []
        for item in basket.tagged(self.tag):
            prices.extend([item.price] * item.quantity)
        groups = len(prices) // (self.buy + self.get)
        return sum(sorted(prices)[: groups * self.get])


@dataclass(frozen=True)
class Threshold(Discount):
    """Another discount that needs a minimum spent or a number of units."""

    inner: Discount = FixedOff("nothing")
    least: int = 0
    units: int = 0

    def amount(self, basket: Basket) -> int:
        if basket.subtotal < self.least or basket.units < self.units:
            return 0
        return self.inner.amount(basket)


def best_combination(
    basket: Basket, discounts: Sequence[Discount], limit: int = 2
) -> list[tuple[Discount, int]]:
    """Returns the discounts that take off most; an exclusive one stands alone, fewer win ties."""
    worth = [(discount, discount.amount(basket)) for discount in discounts]
    useful = [pair for pair in worth if pair[1] > 0]
    best: list[tuple[Discount, int]] = []
    best_total = 0
    for size in range(1, limit + 1):
        for chosen in combinations(useful, size):
            if size > 1 and any(discount.exclusive for discount, _ in chosen):
                continue
            total = min(sum(off for _, off in chosen), basket.subtotal)
            if total > best_total:
                best, best_total = list(chosen), total
    return best
