"""Percent encoding and query strings."""

from __future__ import annotations

from typing import Mapping, Sequence, Union

SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")


def encode(text: str, keep: str = "") -> str:
    """Writes all but safe characters as percent and two digits."""
    pieces: list[str] = []
    for char in text:
        if char in SAFE or char in keep:
            pieces.append(char)
        else:
            pieces.extend(f"%{byte:02X}" for byte in char.encode())
    return "".join(pieces)


def decode(text: str, *, plus: bool = False) -> str:
    """Reads percent encoding; a broken escape stays as it is."""
    data = bytearray()
    at = 0
    while at < len(text):
        char = text[at]
        digits = text[at + 1 : at + 3]
        if char == "%" and len(digits) == 2 and all(digit in "0123456789abcdefABCDEF" for digit in digits):
            data.append(int(digits, 16))
            at += 3
            continue
        data.extend(b" " if plus and char == "+" else char.encode())
        at += 1
    return data.decode(errors="replace")


def parse_query(text: str) -> dict[str, list[str]]:
    """Reads `a=1&b=2&a=3` into lists of values."""
    found: dict[str, list[str]] = {}
    for pair in text.lstrip("?").split("&"):
        name, _, value = pair.partition("=")
        if name:
            found.setdefault(decode(name, plus=True), []).append(decode(value, plus=True))
    return found


def build_query(values: Mapping[str, Union[str, int, Sequence[str]]]) -> str:
    """Writes a query string sorted by name; lists repeat their name."""
    pairs: list[str] = []
    for name in sorted(values):
        value = values[name]
        many = value if isinstance(value, (list, tuple)) else [value]
        pairs.extend(f"{encode(name)}={encode(str(one))}" for one in many)
    return "?" + "&".join(pairs) if pairs else ""
