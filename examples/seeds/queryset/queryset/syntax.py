"""From tokens to a tree of plain tuples, the operator first."""

from __future__ import annotations

from typing import Any, Optional

from .errors import ParseError
from .tokens import Token, tokenize

Node = tuple
COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
CONSTANTS = {"true": True, "false": False, "null": None}


class Parser:
    """Reads one query by recursive descent."""

    def __init__(self, source: str) -> None:
        self._tokens = list(tokenize(source))
        self._next = 0

    @property
    def current(self) -> Token:
        """Returns the token not yet read."""
        return self._tokens[self._next]

    def accept(self, *texts: str) -> Optional[str]:
        """Reads a keyword or an operator if it is one of these."""
        token = self.current
        if token.kind in ("keyword", "operator") and token.text in texts:
            self._next += 1
            return token.text
        return None

    def expect(self, text: str) -> None:
        """Reads exactly this keyword or operator."""
        if self.accept(text) is None:
            found = self.current.text or "the end"
            raise ParseError(f"expected {text!r}, found {found!r}", self.current.at)

    def read(self, kind: str) -> str:
        """Reads a token of one kind and returns its text."""
        token = self.current
        if token.kind != kind:
            raise ParseError(f"expected a {kind}, found {token.text or 'the end'!r}", token.at)
        self._next += 1
        return token.text

    def condition(self) -> Node:
        """Reads conditions joined by `or`."""
        node = self._both()
        while self.accept("or"):
            node = ("or", node, self._both())
        return node

    def _both(self) -> Node:
        """Reads conditions joined by `and`."""
        node = self._negated()
        while self.accept("and"):
            node = ("and", node, self._negated())
        return node

    def _negated(self) -> Node:
        if self.accept("not"):
            return ("not", self._negated())
        return self._comparison()

    def _comparison(self) -> Node:
        """Reads a comparison, a membership or a test for null."""
        left = self._sum()
        operator = self.accept(*COMPARISONS, "contains")
        if operator:
            return (operator, left, self._sum())
        if self.accept("is"):
            negated = self.accept("not") is not None
            self.expect("null")
            return ("not", ("null", left)) if negated else ("null", left)
        if self.accept("in"):
            return ("in", left, self._listed())
        return left

    def _listed(self) -> tuple:
        """Reads values between brackets."""
        self.expect("(")
        values = [self._sum()]
        while self.accept(","):
            values.append(self._sum())
        self.expect(")")
        return tuple(values)

    def _sum(self) -> Node:
        node = self._product()
        while operator := self.accept("+", "-"):
            node = (operator, node, self._product())
        return node

    def _product(self) -> Node:
        node = self._atom()
        while operator := self.accept("*", "/"):
            node = (operator, node, self._atom())
        return node

    def _atom(self) -> Node:
        """Reads a value, a field or something in brackets."""
        token = self.current
        if self.accept("("):
            node = self.condition()
            self.expect(")")
            return node
        if self.accept("-"):
            return ("-", ("value", 0), self._atom())
        if token.kind == "keyword" and token.text in CONSTANTS:
            self._next += 1
            return ("value", CONSTANTS[token.text])
        if token.kind == "string":
            return ("value", self.read("string"))
        if token.kind == "number":
            return ("value", _number(self.read("number"), token.at))
        return ("field", self.read("name"))

    def names(self) -> list[str]:
        """Reads field names between commas."""
        found = [self.read("name")]
        while self.accept(","):
            found.append(self.read("name"))
        return found

    def ordering(self) -> list[tuple[str, bool]]:
        """Reads sort keys; true means descending."""
        keys: list[tuple[str, bool]] = []
        while True:
            name = self.read("name")
            keys.append((name, self.accept("asc", "desc") == "desc"))
            if not self.accept(","):
                return keys


def _number(text: str, at: int) -> Any:
    """Returns an integer or a float."""
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        raise ParseError(f"bad number {text!r}", at) from None


def parse_condition(source: str) -> Node:
    """Reads a condition and nothing after it."""
    parser = Parser(source)
    node = parser.condition()
    if parser.current.kind != "end":
        raise ParseError(f"unexpected {parser.current.text!r}", parser.current.at)
    return node


def parse_query(source: str) -> dict[str, Any]:
    """Reads clauses in any order, each at most once."""
    parser = Parser(source)
    clauses: dict[str, Any] = {}
    while parser.current.kind != "end":
        at = parser.current.at
        clause = parser.accept("where", "select", "group", "order", "limit", "skip")
        if clause is None or clause in clauses:
            raise ParseError(f"{clause or parser.current.text!r} cannot stand here", at)
        if clause in ("group", "order"):
            parser.expect("by")
        if clause == "where":
            clauses[clause] = parser.condition()
        elif clause == "order":
            clauses[clause] = parser.ordering()
        elif clause in ("select", "group"):
            clauses[clause] = parser.names()
        else:
            clauses[clause] = _number(parser.read("number"), at)
    return clauses
