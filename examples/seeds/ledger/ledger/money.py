"""Amounts as integer cents: reading, writing and splitting them."""

from __future__ import annotations

from typing import Sequence

from .errors import MoneyError


def parse_cents(text: str) -> int:
    """Reads `-1,234.56` as -123456; at most two decimals."""
    cleaned = text.strip().replace(",", "")
    negative = cleaned.startswith("-")
    if negative:
        cleaned = cleaned[1:]
    whole, dot, fraction = cleaned.partition(".")
    if not whole.isdigit():
        raise MoneyError(f"not an amount: {text!r}")
    if dot and not (fraction.isdigit() and len(fraction) <= 2):
        raise MoneyError(f"bad decimals in {text!r}")
    cents = int(whole) * 100 + int(fraction.ljust(2, "0"))
    return -cents if negative else cents


def format_cents(cents: int, *, symbol: str = "", brackets: bool = False) -> str:
    """Writes cents with thousands separators; brackets mark negatives in reports."""
    whole, rest = divmod(abs(cents), 100)
    body = f"{symbol}{whole:,}.{rest:02d}"
    if cents >= 0:
        return body
    return f"({body})" if brackets else f"-{body}"


def allocate(total: int, weights: Sequence[int]) -> list[int]:
    """Splits `total` by weight without losing a cent; earlier shares take the remainder."""
    weight_sum = sum(weights)
    if weight_sum <= 0 or min(weights) < 0:
        raise MoneyError("weights must be positive in sum and never negative")
    sign = -1 if total < 0 else 1
    amount = abs(total)
    shares = [amount * weight // weight_sum for weight in weights]
    left = amount - sum(shares)
    for index, weight in enumerate(weights):
        if left == 0:
            break
        if weight == 0:
            continue
        shares[index] += 1
        left -= 1
    return [sign * piece for piece in shares]


def share(cents: int, basis_points: int) -> int:
    """Returns a share in hundredths of a percent, rounded half away from zero."""
    product = cents * basis_points
    magnitude = (abs(product) + 5000) // 10000
    return magnitude if product >= 0 else -magnitude
