"""Templates: `{name}`, `{user.name|upper}` and `{?flag}...{/flag}`."""

from __future__ import annotations

from typing import Any, Callable, Iterator, Mapping

from .casing import kebab, snake, title
from .slugs import slugify

FILTERS: dict[str, Callable[[str], str]] = {
    "kebab": kebab,
    "lower": str.lower,
    "slug": slugify,
    "snake": snake,
    "title": title,
    "upper": str.upper,
}


class TemplateError(ValueError):
    """A template that cannot be read or filled."""


class Template:
    """A template, split once into text and tags."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._parts = list(self._split(source))

    @staticmethod
    def _split(source: str) -> Iterator[tuple[str, str]]:
        """Yields pairs of kind and body; a doubled brace stands for itself."""
        at = 0
        while at < len(source):
            if source.startswith("{{", at):
                yield "text", "{"
                at += 2
                continue
            if source[at] == "{":
                end = source.find("}", at)
                if end < 0:
                    raise TemplateError(f"the tag at {at} is not closed")
                yield "tag", source[at + 1 : end].strip()
                at = end + 1
                continue
            stop = source.find("{", at)
            stop = len(source) if stop < 0 else stop
            yield "text", source[at:stop]
            at = stop

    @property
    def names(self) -> list[str]:
        """Returns the names a template asks for, each once, in order."""
        found: dict[str, None] = {}
        for kind, body in self._parts:
            if kind == "tag" and not body.startswith("/"):
                found[body.lstrip("?!").partition("|")[0].strip()] = None
        return list(found)

    def fill(self, values: Mapping[str, Any]) -> str:
        """Returns the text with every tag replaced."""
        output: list[str] = []
        blocks: list[tuple[str, bool]] = []
        for kind, body in self._parts:
            if kind == "tag" and body[:1] in ("?", "!"):
                name = body[1:].strip()
                shown = bool(_lookup(values, name)) == (body[0] == "?")
                blocks.append((name, shown))
            elif kind == "tag" and body.startswith("/"):
                if not blocks or blocks.pop()[0] != body[1:].strip():
                    raise TemplateError(f"{{{body}}} closes nothing")
            elif all(shown for _, shown in blocks):
                output.append(body if kind == "text" else _value(values, body))
        if blocks:
            raise TemplateError(f"{{?{blocks[-1][0]}}} is not closed")
        return "".join(output)


def _lookup(values: Mapping[str, Any], path: str) -> Any:
    """Follows a dotted path through mappings."""
    current: Any = values
    for name in path.split("."):
        if not isinstance(current, Mapping) or name not in current:
            raise TemplateError(f"nothing is called {path!r}")
        current = current[name]
    return current


def _value(values: Mapping[str, Any], body: str) -> str:
    """Returns one tag's value after its filters."""
    path, *filters = [part.strip() for part in body.split("|")]
    text = str(_lookup(values, path))
    for name in filters:
        if name not in FILTERS:
            raise TemplateError(f"no filter {name!r}")
        text = FILTERS[name](text)
    return text


def render(source: str, **values: Any) -> str:
    """Fills a template given as text."""
    return Template(source).fill(values)
