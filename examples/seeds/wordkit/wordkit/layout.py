"""Lines: wrapping, justifying, aligning and columns."""

from __future__ import annotations

from typing import Iterator, Sequence


def _chop(word: str, width: int) -> Iterator[str]:
    """Yields a word in pieces that fit."""
    for start in range(0, len(word), width):
        yield word[start : start + width]


def wrap(text: str, width: int, *, indent: str = "", hanging: str = "") -> list[str]:
    """Breaks text into lines of at most `width`; later lines start with `hanging`."""
    room = width - max(len(indent), len(hanging))
    if room < 1:
        raise ValueError(f"a width of {width} leaves no room for text")
    pieces = [piece for word in text.split() for piece in _chop(word, room)]
    lines: list[str] = []
    line = indent
    empty = True
    for piece in pieces:
        if not empty and len(line) + 1 + len(piece) > width:
            lines.append(line)
            line = hanging
            empty = True
        line += piece if empty else " " + piece
        empty = False
    if not empty:
        lines.append(line)
    return lines


def justify(line: str, width: int) -> str:
    """Widens the gaps of a line to fill `width`; gaps on the left grow first."""
    parts = line.split()
    if len(parts) < 2:
        return line.strip()
    gaps = len(parts) - 1
    spaces = width - sum(len(part) for part in parts)
    if spaces < gaps:
        raise ValueError(f"the line does not fit into {width}")
    every, extra = divmod(spaces, gaps)
    filled = parts[0]
    for number, part in enumerate(parts[1:]):
        filled += " " * (every + (1 if number < extra else 0)) + part
    return filled


def align(text: str, width: int, where: str = "left", fill: str = " ") -> str:
    """Pads text on one side or both; an odd rest goes to the right."""
    missing = max(width - len(text), 0)
    if where == "left":
        return text + fill * missing
    if where == "right":
        return fill * missing + text
    if where != "centre":
        raise ValueError(f"cannot align {where!r}")
    before = missing // 2
    return fill * before + text + fill * (missing - before)


def columns(rows: Sequence[Sequence[str]], gap: int = 2, numeric: Sequence[int] = ()) -> list[str]:
    """Lays rows out as columns; those listed in `numeric` align right."""
    count = max((len(row) for row in rows), default=0)
    widths = [max(len(row[at]) for row in rows if at < len(row)) for at in range(count)]
    laid: list[str] = []
    for row in rows:
        cells = [align(cell, widths[at], "right" if at in numeric else "left") for at, cell in enumerate(row)]
        laid.append((" " * gap).join(cells).rstrip())
    return laid
