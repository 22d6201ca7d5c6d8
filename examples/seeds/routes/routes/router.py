"""The router: a sorted table of routes."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Iterator, Optional

from .errors import MethodNotAllowed, NotFound, RouteError, UnknownRoute
from .pattern import Pattern
from .query import build_query, parse_query


@dataclass(frozen=True)
class Route:
    """A pattern with its methods, its handler and perhaps a name."""

    pattern: Pattern
    handler: Any
    methods: frozenset[str]
    name: Optional[str] = None
    priority: int = 0

    def __lt__(self, other: Route) -> bool:
        mine = (-self.priority, self.pattern.order)
        return mine < (-other.priority, other.pattern.order)


@dataclass(frozen=True)
class Match:
    """What a request led to."""

    route: Route
    values: dict[str, Any]
    query: dict[str, list[str]] = field(default_factory=dict)


class Router:
    """Finds the most specific route for a method and a path."""

    def __init__(self, *, strict_slash: bool = False) -> None:
        self._routes: list[Route] = []
        self._named: dict[str, Route] = {}
        self.strict_slash = strict_slash

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def _insert(self, route: Route) -> None:
        """Files a route by its order, and by its name."""
        if route.name is not None:
            if route.name in self._named:
                raise RouteError(f"the name {route.name!r} is taken")
            self._named[route.name] = route
        insort(self._routes, route)

    def add(
        self,
        source: str,
        handler: Any,
        methods: Iterable[str] = ("GET",),
        *,
        name: Optional[str] = None,
        priority: int = 0,
    ) -> Route:
        """Adds a route; GET brings HEAD with it."""
        allowed = {method.upper() for method in methods}
        if not allowed:
            raise RouteError(f"no method for {source}")
        if "GET" in allowed:
            allowed.add("HEAD")
        route = Route(Pattern(source), handler, frozenset(allowed), name, priority)
        self._insert(route)
        return route

    def route(self, source: str, *methods: str, name: Optional[str] = None) -> Callable[[Any], Any]:
        """Returns a decorator that adds a function as a handler, named after it unless told."""

        def decorate(handler: Any) -> Any:
            self.add(source, handler, methods or ("GET",), name=name or handler.__name__)
            return handler

        return decorate

    def mount(self, prefix: str, other: Router, namespace: str = "") -> None:
        """Adds all routes of another router below a prefix."""
        base = prefix.rstrip("/")
        for route in other:
            name = route.name
            if name is not None and namespace:
                name = f"{namespace}.{name}"
            pattern = Pattern(base + route.pattern.source)
            self._insert(Route(pattern, route.handler, route.methods, name, route.priority))

    def _clean(self, path: str) -> str:
        """Drops a slash at the end unless it matters."""
        if self.strict_slash or path == "/":
            return path
        return path[:-1] if path.endswith("/") else path

    def resolve(self, method: str, target: str) -> Match:
        """Finds the route for a method and a path, which may carry a query."""
        path, _, query = target.partition("?")
        cleaned = self._clean(path)
        allowed: set[str] = set()
        for route in self._routes:
            values = route.pattern.match(cleaned)
            if values is None:
                continue
            if method.upper() in route.methods:
                return Match(route, values, parse_query(query))
            allowed |= route.methods
        if allowed:
            raise MethodNotAllowed(method.upper(), allowed)
        raise NotFound(path)

    def url(self, name: str, **values: Any) -> str:
        """Returns the path of a named route; values it has no place for become a query."""
        if name not in self._named:
            raise UnknownRoute(f"no route is called {name!r}")
        pattern = self._named[name].pattern
        extra = {key: value for key, value in values.items() if key not in pattern.names}
        return pattern.fill(values) + build_query(extra)
