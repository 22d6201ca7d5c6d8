"""Routes paths to handlers, and names back to paths."""

from .converters import Converter, ConverterError, get_converter, register
from .errors import BadPattern, MethodNotAllowed, NotFound, RouteError, UnknownRoute
from .pattern import Pattern
from .query import decode, encode, parse_query
from .router import Match, Route, Router

__all__ = [
    "BadPattern",
    "Converter",
    "ConverterError",
    "Match",
    "MethodNotAllowed",
    "NotFound",
    "Pattern",
    "Route",
    "RouteError",
    "Router",
    "UnknownRoute",
    "decode",
    "encode",
    "get_converter",
    "parse_query",
    "register",
]
