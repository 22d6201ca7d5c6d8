"""Short forms: slugs, initials and shortened text."""

from __future__ import annotations

import unicodedata
from typing import Container

from .casing import words


def slugify(text: str, *, longest: int = 60) -> str:
    """Returns text as lower-case words and dashes, cut at a word where it is too long."""
    plain = unicodedata.normalize("NFKD", text)
    ascii_only = "".join(char for char in plain if char.isascii())
    slug = ""
    for word in "".join(char if char.isalnum() else " " for char in ascii_only).lower().split():
        longer = f"{slug}-{word}" if slug else word
        if len(longer) > longest:
            break
        slug = longer
    return slug


def unique_slug(text: str, taken: Container[str]) -> str:
    """Adds the first number from 2 on that makes the slug new."""
    slug = slugify(text) or "untitled"
    if slug not in taken:
        return slug
    number = 2
    while f"{slug}-{number}" in taken:
        number += 1
    return f"{slug}-{number}"


def shorten(text: str, width: int, mark: str = "...") -> str:
    """Cuts text at a word so that it fits with its mark."""
    clean = " ".join(text.split())
    if len(clean) <= width:
        return clean
    room = width - len(mark)
    if room < 0:
        raise ValueError(f"the mark {mark!r} does not fit into {width}")
    head = clean[:room]
    if clean[room] != " " and " " in head:
        head = head[: head.rindex(" ")]
    return head.rstrip() + mark


def initials(name: str, limit: int = 3) -> str:
    """Returns the capitals of the first names and of the last one."""
    letters = [word[0].upper() for word in words(name)]
    if len(letters) > limit:
        letters = letters[: limit - 1] + letters[-1:]
    return "".join(letters)
