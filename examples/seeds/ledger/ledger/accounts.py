"""Accounts and the chart that holds them."""

from __future__ import annotations

from enum import Enum
from typing import Iterator, Optional

from .errors import ChartError, DuplicateAccount, UnknownAccount


class Kind(Enum):
    """The five kinds of account."""

    ASSET = "asset"
    LIABILITY = "liability"
    EQUITY = "equity"
    INCOME = "income"
    EXPENSE = "expense"

    @property
    def sign(self) -> int:
        """Is 1 where a debit raises the balance, -1 where it lowers it."""
        return 1 if self in (Kind.ASSET, Kind.EXPENSE) else -1

    @property
    def temporary(self) -> bool:
        """Says whether the account is emptied at the end of a period."""
        return self is Kind.INCOME or self is Kind.EXPENSE


class Account:
    """One account, known by its code."""

    def __init__(self, code: str, name: str, kind: Kind, parent: Optional[str] = None) -> None:
        if not code or not code.isalnum():
            raise ChartError(f"bad account code {code!r}")
        self.code = code
        self.name = name
        self.kind = kind
        self.parent = parent

    def __repr__(self) -> str:
        return f"Account({self.code}, {self.name}, {self.kind.value})"


class Chart:
    """Every account of one set of books, in a tree."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}

    def __iter__(self) -> Iterator[Account]:
        return iter(sorted(self._accounts.values(), key=lambda account: account.code))

    def __contains__(self, code: str) -> bool:
        return code in self._accounts

    def open(self, code: str, name: str, kind: Kind, parent: Optional[str] = None) -> Account:
        """Adds an account; a child must be of its parent's kind."""
        if code in self._accounts:
            raise DuplicateAccount(f"account {code} is already {self._accounts[code].name!r}")
        if parent is not None and self.get(parent).kind is not kind:
            raise ChartError(f"account {code} is not of the kind of its parent {parent}")
        account = Account(code, name, kind, parent)
        self._accounts[code] = account
        return account

    def get(self, code: str) -> Account:
        """Returns the account with this code."""
        try:
            return self._accounts[code]
        except KeyError:
            raise UnknownAccount(code) from None

    def path(self, code: str) -> str:
        """Returns the names from the root down, joined by colons."""
        account = self.get(code)
        names = [account.name]
        while account.parent is not None:
            account = self.get(account.parent)
            names.append(account.name)
        return ":".join(reversed(names))

    def family(self, code: str) -> list[str]:
        """Returns a code and the codes of all accounts below it, parents first."""
        found = [self.get(code).code]
        for child in self:
            if child.parent == code:
                found.extend(self.family(child.code))
        return found

    def of_kind(self, kind: Kind) -> list[Account]:
        """Returns the accounts of one kind in code order."""
        return [account for account in self if account.kind is kind]
