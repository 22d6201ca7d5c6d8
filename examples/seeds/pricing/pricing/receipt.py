"""Checking out: discounts spread over the lines, then taxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from .basket import Basket, BasketError
from .discounts import Discount, best_combination
from .rounding import round_to, spread
from .tax import TaxTable


@dataclass(frozen=True)
class ReceiptLine:
    """One article as it is charged."""

    sku: str
    quantity: int
    discount: int
    net: int
    tax: int

    @property
    def charged(self) -> int:
        """Returns what the customer pays for this line."""
        return self.net + self.tax


@dataclass(frozen=True)
class Receipt:
    """The lines, the discounts used, and the difference of cash rounding."""

    lines: tuple[ReceiptLine, ...]
    discounts: tuple[tuple[str, int], ...]
    rounding: int = 0

    @property
    def total(self) -> int:
        """Returns the amount to pay."""
        return sum(line.charged for line in self.lines) + self.rounding

    @property
    def saved(self) -> int:
        """Returns all that was taken off."""
        return sum(line.discount for line in self.lines)

    def taxes(self) -> int:
        """Adds up the taxes of all lines."""
        return sum(line.tax for line in self.lines)

    def render(self) -> str:
        """Writes one row a line, then the discounts and the total."""
        rows = [f"{line.quantity} x {line.sku}: {line.charged}" for line in self.lines]
        rows += [f"{name}: -{off}" for name, off in self.discounts]
        if self.rounding:
            rows.append(f"rounding: {self.rounding:+d}")
        rows.append(f"total: {self.total}")
        return "\n".join(rows)


def checkout(
    basket: Basket, taxes: TaxTable, discounts: Sequence[Discount] = (), *, cash_step: int = 1
) -> Receipt:
    """Prices a basket; with `cash_step` the total is rounded as for coins."""
    items = list(basket)
    if not items:
        raise BasketError("the basket is empty")
    used = best_combination(basket, discounts)
    off = min(sum(amount for _, amount in used), basket.subtotal)
    shares = spread(off, [item.subtotal for item in items]) if off else [0] * len(items)
    lines = []
    for item, share in zip(items, shares):
        net, tax = taxes.split(item.subtotal - share, item.tax_class)
        lines.append(ReceiptLine(item.sku, item.quantity, share, net, tax))
    due = sum(line.charged for line in lines)
    named = tuple((discount.name, amount) for discount, amount in used)
    return Receipt(tuple(lines), named, round_to(due, cash_step) - due)
