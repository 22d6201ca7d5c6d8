"""Errors, each with the place it is about."""

from __future__ import annotations


class ConfigError(Exception):
    """Any trouble with a configuration."""


class SyntaxProblem(ConfigError):
    """Text that does not follow the grammar."""

    def __init__(self, problem: str, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {problem}")
        self.problem = problem
        self.line = line
        self.column = column


class DuplicateKey(SyntaxProblem):
    """A key or table that is given twice."""


class TypeProblem(ConfigError, TypeError):
    """A value of another type than asked for, or one that cannot be written."""
