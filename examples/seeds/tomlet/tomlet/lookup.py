"""Looking values up by dotted paths."""

from __future__ import annotations

from typing import Any, Mapping

from .errors import ConfigError, TypeProblem

_MISSING = object()


def get(config: Mapping[str, Any], path: str, default: Any = None) -> Any:
    """Returns the value at `a.b.0`, or the default where the path leads nowhere."""
    current: Any = config
    for part in path.split("."):
        if isinstance(current, Mapping) and part in current:
            current = current[part]
        elif isinstance(current, list) and part.isdigit() and int(part) < len(current):
            current = current[int(part)]
        else:
            return default
    return current


def require(config: Mapping[str, Any], path: str, kind: type) -> Any:
    """Returns the value at a path, which must exist and be of `kind`."""
    value = get(config, path, _MISSING)
    if value is _MISSING:
        raise ConfigError(f"`{path}` is missing")
    # A boolean is an integer to Python, but not to whoever wrote the file.
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeProblem(f"`{path}` should be {kind.__name__}, not {type(value).__name__}")
    return value
