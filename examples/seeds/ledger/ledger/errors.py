"""What can go wrong while keeping books."""

from __future__ import annotations


class LedgerError(Exception):
    """The root of every error of this package."""


class MoneyError(LedgerError, ValueError):
    """An amount that cannot be read or split."""


class ChartError(LedgerError):
    """A chart of accounts that would not make sense."""


class DuplicateAccount(ChartError):
    """Two accounts with one code."""


class UnknownAccount(ChartError, KeyError):
    """A code that the chart does not have."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        return f"no account {self.code!r}"


class PostingError(LedgerError):
    """An entry that cannot be booked."""


class Unbalanced(PostingError):
    """Debits and credits that differ."""

    def __init__(self, debits: int, credits: int) -> None:
        super().__init__(f"debits {debits} and credits {credits} differ by {abs(debits - credits)}")
        self.debits = debits
        self.credits = credits
