"""How alike two texts are."""

from __future__ import annotations

from collections import Counter
from typing import Iterable

from .casing import words


def distance(left: str, right: str) -> int:
    """Counts the edits between two texts; swapping two neighbours is one."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        older, before, row = before, row, [i]
        for j, b in enumerate(right, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]


def ratio(left: str, right: str) -> float:
    """Returns 1.0 for equal texts, and 0.0 where every letter differs."""
    longest = max(len(left), len(right))
    if longest == 0:
        return 1.0
    return 1 - distance(left, right) / longest


def similarity(left: str, right: str) -> float:
    """Compares two texts as bags of words, whatever their order and case."""
    ours = Counter(word.lower() for word in words(left))
    theirs = Counter(word.lower() for word in words(right))
    total = sum(ours.values()) + sum(theirs.values())
    if not total:
        return 1.0
    return 2 * sum((ours & theirs).values()) / total


def closest(word: str, candidates: Iterable[str], *, limit: int = 3, least: float = 0.6) -> list[str]:
    """Returns the best candidates, best first; ties in alphabetical order."""
    scored = []
    for candidate in candidates:
        score = ratio(word.lower(), candidate.lower())
        if score >= least:
            scored.append((-score, candidate))
    return [candidate for _, candidate in sorted(scored)[:limit]]
