"""Errors of queries."""

from __future__ import annotations


class QueryError(Exception):
    """A query that cannot be read or run."""


class ParseError(QueryError):
    """A query that is not written correctly."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(f"{message} at {at}")
        self.at = at


class EvaluationError(QueryError):
    """A condition that makes no sense for a row."""
