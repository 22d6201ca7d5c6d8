"""Sets of integers kept as sorted, disjoint intervals."""

from __future__ import annotations

from typing import Iterable, Iterator

from .interval import Interval


def merge(spans: Iterable[Interval], gap: int = 0) -> list[Interval]:
    """Sorts intervals and joins those that overlap, touch or lie within `gap`."""
    joined: list[Interval] = []
    for span in sorted(spans):
        if joined and span.start <= joined[-1].end + gap:
            last = joined.pop()
            span = Interval(last.start, max(last.end, span.end))
        joined.append(span)
    return joined


def intersect(left: Iterable[Interval], right: Iterable[Interval]) -> list[Interval]:
    """Returns what both sets hold, by walking them side by side."""
    ours, theirs = merge(left), merge(right)
    shared: list[Interval] = []
    i = j = 0
    while i < len(ours) and j < len(theirs):
        part = ours[i].clip(theirs[j])
        if part is not None:
            shared.append(part)
        if ours[i].end <= theirs[j].end:
            i += 1
        else:
            j += 1
    return shared


def complement(spans: Iterable[Interval], window: Interval) -> Iterator[Interval]:
    """Yields the parts of `window` that no interval covers."""
    cursor = window.start
    for span in merge(spans):
        if span.end <= cursor:
            continue
        if span.start >= window.end:
            break
        if span.start > cursor:
            yield Interval(cursor, span.start)
        cursor = span.end
    if cursor < window.end:
        yield Interval(cursor, window.end)


def subtract(spans: Iterable[Interval], holes: Iterable[Interval]) -> list[Interval]:
    """Returns what is left of a set once `holes` are cut out."""
    cuts = list(holes)
    return [piece for span in merge(spans) for piece in complement(cuts, span)]


def coverage(spans: Iterable[Interval], window: Interval) -> int:
    """Counts the points of `window` that some interval holds."""
    return sum(part.length for part in intersect(spans, [window]))
