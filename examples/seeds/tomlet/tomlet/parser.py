"""Documents: lines of keys and headers of tables."""

from __future__ import annotations

from typing import Any

from .errors import DuplicateKey
from .reader import END, Reader
from .values import read_path, read_value

Table = dict


def loads(text: str) -> dict[str, Any]:
    """Reads a whole document."""
    reader = Reader(text.replace("\r\n", "\n"))
    root: dict[str, Any] = {}
    current = root
    headers: set[tuple[str, ...]] = set()
    reader.empty_lines()
    while reader.peek != END:
        if reader.accept("[["):
            current = _open_array(reader, root, headers)
        elif reader.accept("["):
            current = _open_table(reader, root, headers)
        else:
            _read_pair(reader, current)
        _end_line(reader)
        reader.empty_lines()
    return root


def _end_line(reader: Reader) -> None:
    """Refuses anything but a comment before the line ends."""
    reader.blanks()
    reader.comment()
    if reader.peek not in ("\n", END):
        reader.fail(f"expected the end of the line, found {reader.peek!r}")


def _descend(reader: Reader, table: dict[str, Any], path: list[str]) -> dict[str, Any]:
    """Walks down a path, making tables; an array of tables leads to its last one."""
    for key in path:
        inner = table.setdefault(key, {})
        if isinstance(inner, list) and inner and isinstance(inner[-1], Table):
            inner = inner[-1]
        if not isinstance(inner, Table):
            reader.fail(f"`{key}` is not a table")
        table = inner
    return table


def _open_table(reader: Reader, root: dict[str, Any], headers: set[tuple[str, ...]]) -> dict[str, Any]:
    """Reads the rest of `[path]`."""
    reader.blanks()
    path = read_path(reader)
    reader.expect("]")
    if tuple(path) in headers:
        reader.fail(f"table `{'.'.join(path)}` is given twice", DuplicateKey)
    headers.add(tuple(path))
    return _descend(reader, root, path)


def _open_array(reader: Reader, root: dict[str, Any], headers: set[tuple[str, ...]]) -> dict[str, Any]:
    """Reads the rest of `[[path]]` and starts a new table in that array."""
    reader.blanks()
    path = read_path(reader)
    reader.expect("]]")
    parent = _descend(reader, root, path[:-1])
    array = parent.setdefault(path[-1], [])
    if not isinstance(array, list):
        reader.fail(f"`{path[-1]}` is not an array of tables", DuplicateKey)
    # A new element has no tables yet: those below the last one may come again.
    depth = len(path)
    headers -= {header for header in headers if header[:depth] == tuple(path)}
    array.append({})
    return array[-1]


def _read_pair(reader: Reader, table: dict[str, Any]) -> None:
    """Reads `path = value` into a table."""
    path = read_path(reader)
    owner = _descend(reader, table, path[:-1])
    if path[-1] in owner:
        reader.fail(f"key `{path[-1]}` is given twice", DuplicateKey)
    reader.expect("=")
    reader.blanks()
    owner[path[-1]] = read_value(reader)
