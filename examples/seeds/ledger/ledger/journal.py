"""The journal: balanced entries in the order of their days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Iterator, Optional

from .accounts import Chart
from .errors import PostingError, Unbalanced


@dataclass(frozen=True)
class Posting:
    """A signed amount on one account: debits are positive."""

    code: str
    cents: int


@dataclass(frozen=True)
class Entry:
    """A dated set of postings that sum to zero."""

    number: int
    day: int
    memo: str
    postings: tuple[Posting, ...]

    @property
    def total(self) -> int:
        """Returns the sum of the debits."""
        return sum(posting.cents for posting in self.postings if posting.cents > 0)

    def amount(self, code: str) -> int:
        """Returns what this entry moves on one account."""
        return sum(posting.cents for posting in self.postings if posting.code == code)


class Journal:
    """Books entries against a chart, and answers what is on an account."""

    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self._entries: list[Entry] = []
        self._closed_until = -1

    def __len__(self) -> int:
        return len(self._entries)

    def post(self, day: int, memo: str, moves: Iterable[tuple[str, int]]) -> Entry:
        """Books one entry, given as pairs of code and signed cents."""
        if day <= self._closed_until:
            raise PostingError(f"day {day} is closed; the books are open from {self._closed_until + 1}")
        postings = tuple(Posting(self.chart.get(code).code, cents) for code, cents in moves)
        if len(postings) < 2:
            raise PostingError("an entry needs two postings or more")
        if any(posting.cents == 0 for posting in postings):
            raise PostingError("a posting of zero says nothing")
        debits = sum(posting.cents for posting in postings if posting.cents > 0)
        credits = debits - sum(posting.cents for posting in postings)
        if debits != credits:
            raise Unbalanced(debits, credits)
        entry = Entry(len(self._entries) + 1, day, memo, postings)
        self._entries.append(entry)
        return entry

    def transfer(self, day: int, memo: str, source: str, target: str, cents: int) -> Entry:
        """Moves a positive amount from one account to another."""
        if cents <= 0:
            raise PostingError(f"a transfer needs a positive amount, not {cents}")
        return self.post(day, memo, [(target, cents), (source, -cents)])

    def reverse(self, number: int, day: int) -> Entry:
        """Books the opposite of an earlier entry."""
        if not 1 <= number <= len(self._entries):
            raise PostingError(f"no entry {number}")
        original = self._entries[number - 1]
        if day < original.day:
            raise PostingError(f"entry {number} is of day {original.day}, after {day}")
        moves = [(posting.code, -posting.cents) for posting in original.postings]
        return self.post(day, f"reversal of {original.memo}", moves)

    def entries(self, first: int = 0, last: Optional[int] = None) -> Iterator[Entry]:
        """Yields the entries of the days `first` to `last`, both included, by day and number."""
        for entry in sorted(self._entries, key=lambda entry: (entry.day, entry.number)):
            if entry.day < first:
                continue
            if last is not None and entry.day > last:
                break
            yield entry

    def balance(self, code: str, until: Optional[int] = None, *, deep: bool = True) -> int:
        """Returns the balance in the account's own sense, with its children where `deep`."""
        account = self.chart.get(code)
        codes = self.chart.family(code) if deep else [code]
        raw = sum(entry.amount(one) for entry in self.entries(last=until) for one in codes)
        return raw * account.kind.sign

    def close(self, day: int) -> None:
        """Refuses later entries up to and including `day`."""
        if day < self._closed_until:
            raise PostingError(f"already closed until {self._closed_until}")
        self._closed_until = day
