"""Unit prices that fall with quantity."""

from __future__ import annotations

from typing import Iterator, NamedTuple, Optional, Sequence


class TierError(ValueError):
    """Tiers that contradict each other."""


class Tier(NamedTuple):
    """From this quantity on, this price a unit."""

    start: int
    price: int


class TierPlan:
    """Prices a quantity: by volume all units cost the same, graduated each has its tier's price."""

    def __init__(self, tiers: Sequence[Tier], *, graduated: bool = False) -> None:
        if not tiers or tiers[0].start != 1:
            raise TierError("the first tier must start at 1")
        for lower, upper in zip(tiers, tiers[1:]):
            if upper.start <= lower.start:
                raise TierError(f"tier {upper.start} does not follow {lower.start}")
            if upper.price > lower.price:
                raise TierError(f"tier {upper.start} is dearer than {lower.start}")
        self.tiers = list(tiers)
        self.graduated = graduated

    def unit_price(self, quantity: int) -> int:
        """Returns the price of the tier that a quantity reaches."""
        if quantity < 1:
            raise TierError(f"no tier for a quantity of {quantity}")
        reached = [tier for tier in self.tiers if tier.start <= quantity]
        return reached[-1].price

    def bands(self, quantity: int) -> Iterator[tuple[int, int]]:
        """Yields how many units fall into each tier, with its price."""
        ends = [tier.start for tier in self.tiers[1:]] + [quantity + 1]
        for tier, end in zip(self.tiers, ends):
            count = min(end, quantity + 1) - tier.start
            if count <= 0:
                break
            yield count, tier.price

    def total(self, quantity: int) -> int:
        """Returns the price of all units."""
        if quantity == 0:
            return 0
        if self.graduated:
            return sum(count * price for count, price in self.bands(quantity))
        return quantity * self.unit_price(quantity)

    def next_saving(self, quantity: int) -> Optional[tuple[int, int]]:
        """Returns how many more units would lower the total, and by how much."""
        now = self.total(quantity)
        for tier in self.tiers:
            if tier.start <= quantity:
                continue
            saving = now - self.total(tier.start)
            if saving > 0:
                return tier.start - quantity, saving
        return None
