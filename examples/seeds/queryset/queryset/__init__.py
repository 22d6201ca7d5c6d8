"""A little query language over lists of dicts."""

from .errors import EvaluationError, ParseError, QueryError
from .evaluate import evaluate, matches
from .query import Query, run
from .syntax import parse_condition, parse_query
from .tokens import Token, tokenize

__all__ = [
    "EvaluationError",
    "ParseError",
    "Query",
    "QueryError",
    "Token",
    "evaluate",
    "matches",
    "parse_condition",
    "parse_query",
    "run",
    "tokenize",
]
