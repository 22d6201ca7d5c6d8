"""The basket and its items."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Iterator, Optional

from .tiers import TierPlan


class BasketError(Exception):
    """A basket that cannot be changed as asked."""


@dataclass(frozen=True)
class Item:
    """Some units of one article."""

    sku: str
    price: int
    quantity: int = 1
    tax_class: str = "standard"
    tags: frozenset[str] = frozenset()
    plan: Optional[TierPlan] = None

    @property
    def subtotal(self) -> int:
        """Returns the price of all units before discounts."""
        if self.plan is not None:
            return self.plan.total(self.quantity)
        return self.price * self.quantity


class Basket:
    """Items by article, in the order they came."""

    LIMIT = 99

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items.values())

    def __getitem__(self, sku: str) -> Item:
        if sku not in self._items:
            raise BasketError(f"{sku} is not in the basket")
        return self._items[sku]

    def put(self, item: Item) -> Item:
        """Adds an item; units of an article already there are counted together."""
        if item.quantity < 1 or item.price < 0:
            raise BasketError(f"{item.sku} needs a quantity and a price")
        present = self._items.get(item.sku)
        if present is not None:
            if present.price != item.price:
                raise BasketError(f"{item.sku} is already in the basket at {present.price}")
            item = replace(present, quantity=present.quantity + item.quantity)
        if item.quantity > self.LIMIT:
            raise BasketError(f"no more than {self.LIMIT} of {item.sku}")
        self._items[item.sku] = item
        return item

    def take(self, sku: str, quantity: int = 1) -> None:
        """Removes units; the article goes with its last one."""
        left = self[sku].quantity - quantity
        if left < 0:
            raise BasketError(f"only {self[sku].quantity} of {sku} in the basket")
        if left == 0:
            del self._items[sku]
        else:
            self._items[sku] = replace(self[sku], quantity=left)

    @property
    def units(self) -> int:
        """Counts all units."""
        return sum(item.quantity for item in self)

    @property
    def subtotal(self) -> int:
        """Adds up all items before discounts."""
        return sum(item.subtotal for item in self)

    def tagged(self, tag: str) -> list[Item]:
        """Returns the items with a tag."""
        return [item for item in self if tag in item.tags]
