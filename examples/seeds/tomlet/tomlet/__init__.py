"""A small configuration language: `loads` reads it, `dumps` writes it."""

from .errors import ConfigError, DuplicateKey, SyntaxProblem, TypeProblem
from .lookup import get, require
from .parser import loads
from .writer import dumps

__all__ = ["ConfigError", "DuplicateKey", "SyntaxProblem", "TypeProblem", "dumps", "get", "loads", "require"]
