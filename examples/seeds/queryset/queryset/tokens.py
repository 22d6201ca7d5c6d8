"""From text to tokens."""

from __future__ import annotations

from typing import Iterator, NamedTuple

from .errors import ParseError

KEYWORDS = frozenset(
    "and asc by contains desc false group in is limit not null or order select skip true where".split()
)
OPERATORS = ("<=", ">=", "!=", "=", "<", ">", "(", ")", ",", "+", "-", "*", "/")


class Token(NamedTuple):
    """A piece of the query: its kind, its text and where it starts."""

    kind: str
    text: str
    at: int


def _quoted(source: str, start: int) -> tuple[str, int]:
    """Returns a string's content and where it ends; a doubled quote stands for itself."""
    parts: list[str] = []
    at = start + 1
    while at < len(source):
        if source[at] != "'":
            parts.append(source[at])
            at += 1
        elif source.startswith("''", at):
            parts.append("'")
            at += 2
        else:
            return "".join(parts), at + 1
    raise ParseError("a string without an end", start)


def _run_end(source: str, at: int, extra: str) -> int:
    """Returns where a run of letters, digits and `extra` characters ends."""
    while at < len(source) and (source[at].isalnum() or source[at] in extra):
        at += 1
    return at


def tokenize(source: str) -> Iterator[Token]:
    """Yields the tokens of a query, then one of kind `end`."""
    at = 0
    while at < len(source):
        char = source[at]
        if char.isspace():
            at += 1
            continue
        if char == "'":
            text, end = _quoted(source, at)
            yield Token("string", text, at)
        elif char.isdigit():
            end = _run_end(source, at, ".")
            yield Token("number", source[at:end], at)
        elif char.isalpha() or char == "_":
            end = _run_end(source, at, "_.")
            word = source[at:end]
            yield Token("keyword", word.lower(), at) if word.lower() in KEYWORDS else Token("name", word, at)
        else:
            text = next((operator for operator in OPERATORS if source.startswith(operator, at)), "")
            if not text:
                raise ParseError(f"unexpected {char!r}", at)
            end = at + len(text)
            yield Token("operator", text, at)
        at = end
    yield Token("end", "", len(source))
