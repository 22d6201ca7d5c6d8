"""Values: strings, numbers, booleans, arrays and inline tables."""

from __future__ import annotations

from string import hexdigits
from typing import Any, Union

from .errors import DuplicateKey
from .reader import END, Reader

ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}
WORDS = {"true": True, "false": False}


def is_key_char(char: str) -> bool:
    """Says whether a bare key may hold this character."""
    return char.isalnum() or char in "_-"


def read_key(reader: Reader) -> str:
    """Reads a bare or a quoted key."""
    if reader.peek == '"':
        return read_string(reader)
    key = reader.take_while(is_key_char)
    if not key:
        reader.fail("expected a key")
    return key


def read_path(reader: Reader) -> list[str]:
    """Reads keys joined by dots."""
    path = [read_key(reader)]
    reader.blanks()
    while reader.accept("."):
        reader.blanks()
        path.append(read_key(reader))
        reader.blanks()
    return path


def read_value(reader: Reader) -> Any:
    """Reads whatever value starts here."""
    first = reader.peek
    if first == '"':
        return read_string(reader)
    if first == "'":
        return read_literal(reader)
    if first == "[":
        return read_array(reader)
    if first == "{":
        return read_inline(reader)
    return read_bare(reader)


def read_string(reader: Reader) -> str:
    """Reads a double-quoted string with escapes."""
    reader.expect('"')
    parts: list[str] = []
    while not reader.accept('"'):
        if reader.peek in ("\n", END):
            reader.fail("a string must end on its line")
        char = reader.take()
        if char == "\\":
            char = read_escape(reader)
        parts.append(char)
    return "".join(parts)


def read_escape(reader: Reader) -> str:
    """Reads what follows a backslash."""
    code = reader.peek
    if code == "u":
        reader.take()
        digits = reader.text[reader.at : reader.at + 4]
        if len(digits) < 4 or not all(digit in hexdigits for digit in digits):
            reader.fail("\\u needs four hexadecimal digits")
        reader.at += 4
        return chr(int(digits, 16))
    if code not in ESCAPES:
        reader.fail(f"unknown escape \\{code}")
    return ESCAPES[reader.take()]


def read_literal(reader: Reader) -> str:
    """Reads a single-quoted string, in which nothing is escaped."""
    reader.expect("'")
    body = reader.take_while(lambda char: char not in "'\n")
    reader.expect("'")
    return body


def read_bare(reader: Reader) -> Union[bool, int, float]:
    """Reads a boolean or a number."""
    start = reader.at
    word = reader.take_while(lambda char: char not in " \t\n#,]}")
    if word in WORDS:
        return WORDS[word]
    digits = word.replace("_", "")
    try:
        if digits.startswith(("0x", "0b", "0o")):
            return int(digits, 0)
        return float(digits) if "." in digits or "e" in digits else int(digits)
    except ValueError:
        reader.at = start
        reader.fail(f"{word!r} is not a value" if word else "expected a value")


def read_array(reader: Reader) -> list[Any]:
    """Reads an array; it may span lines and end in a comma."""
    reader.expect("[")
    items: list[Any] = []
    reader.empty_lines()
    while not reader.accept("]"):
        items.append(read_value(reader))
        reader.empty_lines()
        if reader.peek != "]":
            reader.expect(",")
        reader.empty_lines()
    return items


def read_inline(reader: Reader) -> dict[str, Any]:
    """Reads an inline table on one line."""
    reader.expect("{")
    table: dict[str, Any] = {}
    reader.blanks()
    while not reader.accept("}"):
        if table:
            reader.expect(",")
            reader.blanks()
        key = read_key(reader)
        if key in table:
            reader.fail(f"key `{key}` is given twice", DuplicateKey)
        reader.blanks()
        reader.expect("=")
        reader.blanks()
        table[key] = read_value(reader)
        reader.blanks()
    return table
