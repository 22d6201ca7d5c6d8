"""Statements read from a journal."""

from __future__ import annotations

from typing import Iterator, NamedTuple, Optional

from .accounts import Kind
from .errors import PostingError
from .journal import Entry, Journal
from .money import format_cents


class StatementLine(NamedTuple):
    """One line of an account's statement."""

    day: int
    memo: str
    change: int
    balance: int

    def render(self, width: int = 12) -> str:
        """Returns the line as fixed columns; a memo that is too long is cut."""
        memo = self.memo if len(self.memo) <= width else self.memo[: width - 1] + "~"
        change = format_cents(self.change, brackets=True)
        return f"{self.day:>4} {memo:<{width}} {change:>10} {format_cents(self.balance):>10}"


def account_statement(journal: Journal, code: str, first: int, last: int) -> Iterator[StatementLine]:
    """Yields an opening line, then one line for each entry that moves the account."""
    sign = journal.chart.get(code).kind.sign
    running = journal.balance(code, first - 1, deep=False)
    yield StatementLine(first, "opening", 0, running)
    for entry in journal.entries(first, last):
        change = entry.amount(code) * sign
        if change == 0:
            continue
        running += change
        yield StatementLine(entry.day, entry.memo, change, running)


def trial_balance(journal: Journal, until: Optional[int] = None) -> dict[str, tuple[int, int]]:
    """Returns debit and credit columns for every account that is not at zero."""
    columns: dict[str, tuple[int, int]] = {}
    for account in journal.chart:
        raw = journal.balance(account.code, until, deep=False) * account.kind.sign
        if raw:
            columns[account.code] = (max(raw, 0), max(-raw, 0))
    return columns


def _period_total(journal: Journal, kind: Kind, first: int, last: int) -> int:
    """Sums what a kind of account earned or cost in the days given."""
    total = 0
    for account in journal.chart.of_kind(kind):
        for entry in journal.entries(first, last):
            total += entry.amount(account.code) * kind.sign
    return total


def income(journal: Journal, first: int, last: int) -> dict[str, int]:
    """Returns revenue, costs and result of a period."""
    revenue = _period_total(journal, Kind.INCOME, first, last)
    costs = _period_total(journal, Kind.EXPENSE, first, last)
    return {"revenue": revenue, "costs": costs, "result": revenue - costs}


def balance_sheet(journal: Journal, until: int) -> dict[str, int]:
    """Returns assets, liabilities and equity; a result not yet closed counts as equity."""
    totals = {kind: 0 for kind in Kind}
    for account in journal.chart:
        totals[account.kind] += journal.balance(account.code, until, deep=False)
    unclosed = totals[Kind.INCOME] - totals[Kind.EXPENSE]
    return {
        "assets": totals[Kind.ASSET],
        "liabilities": totals[Kind.LIABILITY],
        "equity": totals[Kind.EQUITY] + unclosed,
    }


def close_period(journal: Journal, day: int, equity: str) -> Optional[Entry]:
    """Empties the temporary accounts into an equity account, and closes the books."""
    if journal.chart.get(equity).kind is not Kind.EQUITY:
        raise PostingError(f"account {equity} is not equity")
    moves = []
    for account in journal.chart:
        balance = journal.balance(account.code, day, deep=False)
        if account.kind.temporary and balance != 0:
            moves.append((account.code, -balance * account.kind.sign))
    entry = None
    if moves:
        rest = -sum(cents for _, cents in moves)
        if rest != 0:
            moves.append((equity, rest))
        entry = journal.post(day, "close", moves)
    journal.close(day)
    return entry
