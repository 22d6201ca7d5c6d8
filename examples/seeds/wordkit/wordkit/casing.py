"""Letter case: words out of identifiers and back."""

from __future__ import annotations

SMALL_WORDS = frozenset("a an and at by for in of on or the to".split())


def words(text: str) -> list[str]:
    """Splits text or an identifier into its words: `parseHTTPReply` has three."""
    found: list[str] = []
    current = ""
    for position, char in enumerate(text):
        if not char.isalnum():
            if current:
                found.append(current)
            current = ""
            continue
        following = text[position + 1 : position + 2]
        if current and char.isupper() and (current[-1].islower() or following.islower()):
            found.append(current)
            current = ""
        current += char
    if current:
        found.append(current)
    return found


def snake(text: str) -> str:
    """Joins the words by underscores, in lower case."""
    return "_".join(word.lower() for word in words(text))


def kebab(text: str, *, upper: bool = False) -> str:
    """Joins the words by dashes, in lower or upper case."""
    joined = "-".join(words(text))
    return joined.upper() if upper else joined.lower()


def pascal(text: str) -> str:
    """Joins the words with a capital at each."""
    return "".join(word.capitalize() for word in words(text))


def camel(text: str) -> str:
    """Is `pascal` with a small letter at the start."""
    name = pascal(text)
    return name[:1].lower() + name[1:]


def title(text: str) -> str:
    """Capitalises all words but the small ones; the first and last always."""
    parts = text.split()
    last = len(parts) - 1
    titled = []
    for index, part in enumerate(parts):
        small = part.lower() in SMALL_WORDS
        if small and 0 < index < last:
            titled.append(part.lower())
        else:
            titled.append(part[:1].upper() + part[1:])
    return " ".join(titled)
