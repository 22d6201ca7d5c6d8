"""Patterns such as `/users/{id:int}/files/{rest:path}`."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple, Optional

from .converters import Converter, ConverterError, get_converter
from .errors import BadPattern
from .query import decode, encode


class Segment(NamedTuple):
    """A piece between slashes: fixed text, or a name with its converter."""

    text: str
    converter: Optional[Converter] = None


class Pattern:
    """A pattern that matches whole paths."""

    def __init__(self, source: str) -> None:
        if not source.startswith("/"):
            raise BadPattern(source, "no slash at the start")
        self.source = source
        self.segments = [self._segment(part) for part in source[1:].split("/")]
        names = self.names
        if len(set(names)) < len(names):
            raise BadPattern(source, "a name given twice")
        if any(segment.converter and segment.converter.greedy for segment in self.segments[:-1]):
            raise BadPattern(source, "something after a path")

    def _segment(self, part: str) -> Segment:
        """Reads one piece of the pattern."""
        if not part.startswith("{") or not part.endswith("}"):
            if "{" in part or "}" in part:
                raise BadPattern(self.source, f"a stray brace in {part!r}")
            return Segment(part)
        name, colon, kind = part[1:-1].partition(":")
        if not name.isidentifier():
            raise BadPattern(self.source, f"a bad name {name!r}")
        try:
            return Segment(name, get_converter(kind if colon else "str"))
        except KeyError:
            raise BadPattern(self.source, f"an unknown converter {kind!r}") from None

    @property
    def names(self) -> list[str]:
        """Returns the names of the parameters, in order."""
        return [segment.text for segment in self.segments if segment.converter is not None]

    @property
    def order(self) -> tuple[tuple[int, int], ...]:
        """Returns a key that sorts specific patterns first, and longer ones before shorter."""
        ranks = []
        for segment in self.segments:
            if segment.converter is None:
                ranks.append((0, 0))
            else:
                ranks.append((1, segment.converter.rank))
        return tuple(ranks) + ((2, 0),)

    def match(self, path: str) -> Optional[dict[str, Any]]:
        """Returns the parameters of a path, or None where it does not fit."""
        if not path.startswith("/"):
            return None
        parts = path[1:].split("/")
        values: dict[str, Any] = {}
        for at, segment in enumerate(self.segments):
            if at >= len(parts):
                return None
            if segment.converter is None:
                if decode(parts[at]) != segment.text:
                    return None
                continue
            rest = parts[at:] if segment.converter.greedy else [parts[at]]
            value = segment.converter.read(decode("/".join(rest)))
            if value is None:
                return None
            values[segment.text] = value
            if segment.converter.greedy:
                return values
        return values if len(parts) == len(self.segments) else None

    def fill(self, values: Mapping[str, Any]) -> str:
        """Returns the path for these parameters; others are ignored."""
        parts: list[str] = []
        for name, converter in self.segments:
            if converter is None:
                parts.append(encode(name))
                continue
            if name not in values:
                raise ConverterError(f"{self.source} needs {name!r}")
            parts.append(encode(converter.write(values[name]), keep="/" if converter.greedy else ""))
        return "/" + "/".join(parts)
