"""Converters between a part of a path and a value."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Optional


class ConverterError(ValueError):
    """A value that does not fit into its place."""


class Converter(NamedTuple):
    """Reads text or returns None, writes a value, and ranks among others: low is tried first."""

    read: Callable[[str], Optional[Any]]
    write: Callable[[Any], str]
    rank: int
    greedy: bool = False


def _read_int(text: str) -> Optional[int]:
    """Takes digits without a leading zero."""
    if not text.isdigit() or (len(text) > 1 and text[0] == "0"):
        return None
    return int(text)


def _write_int(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConverterError(f"{value!r} is not a natural number")
    return str(value)


def _read_slug(text: str) -> Optional[str]:
    """Takes lower-case letters and digits, with single dashes inside."""
    parts = text.split("-")
    if all(part.isalnum() and part == part.lower() for part in parts):
        return text
    return None


def _write_slug(value: Any) -> str:
    if _read_slug(str(value)) is None:
        raise ConverterError(f"{value!r} is not a slug")
    return str(value)


def _write_text(value: Any) -> str:
    text = str(value)
    if not text or "/" in text:
        raise ConverterError(f"{value!r} is not one segment")
    return text


def _write_path(value: Any) -> str:
    text = str(value).strip("/")
    if not text:
        raise ConverterError("an empty path")
    return text


_CONVERTERS = {
    "int": Converter(_read_int, _write_int, 1),
    "slug": Converter(_read_slug, _write_slug, 2),
    "str": Converter(lambda text: text or None, _write_text, 3),
    "path": Converter(lambda text: text or None, _write_path, 9, greedy=True),
}


def get_converter(name: str) -> Converter:
    """Returns the converter of this name; `one(a|b)` takes one of a few words."""
    if name in _CONVERTERS:
        return _CONVERTERS[name]
    if name.startswith("one(") and name.endswith(")"):
        return choice(name[4:-1].split("|"))
    raise KeyError(name)


def choice(words: list[str]) -> Converter:
    """Makes a converter that takes a few words only."""

    def write(value: Any) -> str:
        if value not in words:
            raise ConverterError(f"{value!r} is not one of {', '.join(words)}")
        return str(value)

    return Converter(lambda text: text if text in words else None, write, 0)


def register(name: str, converter: Converter) -> None:
    """Adds a converter under a new name."""
    if not name.isidentifier() or name in _CONVERTERS:
        raise ConverterError(f"cannot register {name!r}")
    _CONVERTERS[name] = converter
