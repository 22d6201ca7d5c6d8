"""What a tree means for one row."""

from __future__ import annotations

import operator
from typing import Any, Callable, Mapping

from .errors import EvaluationError

Row = Mapping[str, Any]
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "contains": operator.contains,
}


def lookup(row: Row, path: str) -> Any:
    """Returns a field by its dotted path; what is missing is null."""
    value: Any = row
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def evaluate(node: tuple, row: Row) -> Any:
    """Returns the value of a node; null makes ordered comparisons false and sums null."""
    kind = node[0]
    if kind == "value":
        return node[1]
    if kind == "field":
        return lookup(row, node[1])
    if kind == "and":
        return matches(node[1], row) and matches(node[2], row)
    if kind == "or":
        return matches(node[1], row) or matches(node[2], row)
    if kind == "not":
        return not matches(node[1], row)
    if kind == "null":
        return evaluate(node[1], row) is None
    if kind == "in":
        return evaluate(node[1], row) in [evaluate(option, row) for option in node[2]]
    return _binary(kind, evaluate(node[1], row), evaluate(node[2], row))


def _binary(symbol: str, left: Any, right: Any) -> Any:
    """Applies an operator to two values."""
    if symbol not in ("=", "!=") and (left is None or right is None):
        return None if symbol in "+-*/" else False
    try:
        return BINARY[symbol](left, right)
    except ZeroDivisionError:
        return None
    except TypeError:
        kinds = f"{type(left).__name__} and {type(right).__name__}"
        raise EvaluationError(f"{symbol} does not work on {kinds}") from None


def matches(node: tuple, row: Row) -> bool:
    """Says whether a condition holds; it must be true or false, and null is false."""
    value = evaluate(node, row)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise EvaluationError(f"{value!r} is not a condition")
    return value
