"""Writing a configuration back as text."""

from __future__ import annotations

from typing import Any, Iterator, Mapping

from .errors import TypeProblem
from .values import ESCAPES, is_key_char


def show_key(key: str) -> str:
    """Writes a key bare where that is possible."""
    if key and all(is_key_char(char) for char in key):
        return key
    return show_value(key)


def show_value(value: Any) -> str:
    """Writes one value on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        names = {char: name for name, char in ESCAPES.items()}
        return '"' + "".join("\\" + names[char] if char in names else char for char in value) + '"'
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(show_value(item) for item in value) + "]"
    if isinstance(value, Mapping):
        pairs = [f"{show_key(key)} = {show_value(item)}" for key, item in value.items()]
        return "{ " + ", ".join(pairs) + " }" if pairs else "{}"
    raise TypeProblem(f"cannot write a {type(value).__name__}")


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Yields plain keys first, then each sub-table under its header."""
    nested = []
    for key, value in table.items():
        if isinstance(value, Mapping):
            nested.append((key, value))
        else:
            yield f"{show_key(key)} = {show_value(value)}"
    for key, value in nested:
        below = path + (show_key(key),)
        yield ""
        yield f"[{'.'.join(below)}]"
        yield from _lines(value, below)


def dumps(config: Mapping[str, Any]) -> str:
    """Writes a whole document."""
    text = "\n".join(_lines(config, ()))
    return text.lstrip("\n") + "\n" if text else ""
