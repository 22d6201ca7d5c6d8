"""Double-entry bookkeeping in integer cents."""

from .accounts import Account, Chart, Kind
from .errors import (
    ChartError,
    DuplicateAccount,
    LedgerError,
    MoneyError,
    PostingError,
    Unbalanced,
    UnknownAccount,
)
from .journal import Entry, Journal, Posting
from .money import allocate, format_cents, parse_cents, share
from .statements import StatementLine, account_statement, balance_sheet, close_period, income, trial_balance

__all__ = [
    "Account",
    "Chart",
    "ChartError",
    "DuplicateAccount",
    "Entry",
    "Journal",
    "Kind",
    "LedgerError",
    "MoneyError",
    "Posting",
    "PostingError",
    "StatementLine",
    "Unbalanced",
    "UnknownAccount",
    "account_statement",
    "allocate",
    "balance_sheet",
    "close_period",
    "format_cents",
    "income",
    "parse_cents",
    "share",
    "trial_balance",
]
