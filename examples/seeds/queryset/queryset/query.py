"""Queries by chaining, and queries from text."""

from __future__ import annotations

from typing import Any, Callable, Iterable, Iterator, Mapping, Optional, Sequence

from .errors import QueryError
from .evaluate import lookup, matches
from .syntax import parse_condition, parse_query

Record = Mapping[str, Any]
AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {
    "count": len,
    "sum": sum,
    "min": lambda values: min(values, default=None),
    "max": lambda values: max(values, default=None),
    "mean": lambda values: sum(values) / len(values) if values else None,
}


def _sort_key(value: Any) -> tuple[int, str, Any]:
    """Orders null first, then numbers, then text; other kinds by their name."""
    if value is None:
        return 0, "", 0
    if isinstance(value, (int, float)):
        return 1, "", value
    return 2, type(value).__name__, value


class Query:
    """A list of rows; each step gives a new query."""

    def __init__(self, rows: Iterable[Record]) -> None:
        self.rows = list(rows)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, condition: str) -> Query:
        """Keeps the rows that meet a condition given as text."""
        tree = parse_condition(condition)
        return Query(row for row in self.rows if matches(tree, row))

    def select(self, *fields: str) -> Query:
        """Keeps some fields, under their dotted paths."""
        return Query({field: lookup(row, field) for field in fields} for row in self.rows)

    def order(self, *fields: str) -> Query:
        """Sorts by fields, the first one first; a minus in front means descending."""
        ordered = self.rows
        for field in reversed(fields):
            name = field.lstrip("-")
            ordered = sorted(
                ordered, key=lambda row: _sort_key(lookup(row, name)), reverse=field.startswith("-")
            )
        return Query(ordered)

    def slice(self, skip: int = 0, limit: Optional[int] = None) -> Query:
        """Leaves rows out at the start, and keeps at most `limit` of the rest."""
        if skip < 0 or (limit is not None and limit < 0):
            raise QueryError("skip and limit cannot be negative")
        return Query(self.rows[skip:] if limit is None else self.rows[skip : skip + limit])

    def distinct(self, *fields: str) -> Query:
        """Keeps the first row of each combination of fields."""
        seen = set()
        kept = []
        for row in self.rows:
            combination = tuple(lookup(row, field) for field in fields)
            if combination not in seen:
                seen.add(combination)
                kept.append(row)
        return Query(kept)

    def group(self, fields: Sequence[str], **totals: str) -> Query:
        """Makes one row of each group; totals read `name="sum price"`, and null is left out."""
        groups: dict[tuple, list[Record]] = {}
        for row in self.rows:
            groups.setdefault(tuple(lookup(row, field) for field in fields), []).append(row)
        grouped = []
        for combination, members in groups.items():
            line = dict(zip(fields, combination))
            for name, recipe in totals.items():
                line[name] = aggregate(members, recipe)
            grouped.append(line)
        return Query(grouped)


def aggregate(rows: Iterable[Record], recipe: str) -> Any:
    """Works out `count`, or one of sum, min, max and mean of a field."""
    function, _, field = recipe.partition(" ")
    if function not in AGGREGATES:
        raise QueryError(f"unknown total {function!r}; known are {', '.join(AGGREGATES)}")
    if not field:
        if function != "count":
            raise QueryError(f"{function} needs a field")
        return len(list(rows))
    values = [lookup(row, field) for row in rows]
    return AGGREGATES[function]([value for value in values if value is not None])


def run(source: str, rows: Iterable[Record]) -> list[Record]:
    """Runs a query given as text: where, group, order, skip and limit, select."""
    clauses = parse_query(source)
    query = Query(rows)
    if "where" in clauses:
        query = Query(row for row in query if matches(clauses["where"], row))
    if "group" in clauses:
        query = query.group(clauses["group"], count="count")
    for name, descending in reversed(clauses.get("order", [])):
        query = query.order(f"-{name}" if descending else name)
    query = query.slice(clauses.get("skip", 0), clauses.get("limit"))
    if "select" in clauses:
        query = query.select(*clauses["select"])
    return query.rows
