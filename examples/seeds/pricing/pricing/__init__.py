"""Prices a basket of goods."""

from .basket import Basket, BasketError, Item
from .discounts import BuyGet, Discount, FixedOff, PercentOff, Threshold, best_combination
from .receipt import Receipt, ReceiptLine, checkout
from .rounding import Rounding, round_to, spread
from .tax import TaxTable, gross_of, net_of, tax_of
from .tiers import Tier, TierError, TierPlan

__all__ = [
    "Basket",
    "BasketError",
    "BuyGet",
    "Discount",
    "FixedOff",
    "Item",
    "PercentOff",
    "Receipt",
    "ReceiptLine",
    "Rounding",
    "TaxTable",
    "Threshold",
    "Tier",
    "TierError",
    "TierPlan",
    "best_combination",
    "checkout",
    "gross_of",
    "net_of",
    "round_to",
    "spread",
    "tax_of",
]
