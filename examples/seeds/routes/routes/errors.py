"""Errors of routing."""

from __future__ import annotations

from typing import Iterable


class RouteError(Exception):
    """The root of this package's errors."""

    status = 500


class BadPattern(RouteError):
    """A pattern that cannot be read."""

    def __init__(self, pattern: str, problem: str) -> None:
        super().__init__(f"{problem} in {pattern!r}")
        self.pattern = pattern


class UnknownRoute(RouteError, LookupError):
    """A name that no route has."""


class NotFound(RouteError):
    """A path that no route takes."""

    status = 404

    def __init__(self, path: str) -> None:
        super().__init__(f"no route for {path}")
        self.path = path


class MethodNotAllowed(RouteError):
    """A path that exists, but not with this method."""

    status = 405

    def __init__(self, method: str, allowed: Iterable[str]) -> None:
        self.allowed = sorted(allowed)
        super().__init__(f"{method} is not one of {', '.join(self.allowed)}")
