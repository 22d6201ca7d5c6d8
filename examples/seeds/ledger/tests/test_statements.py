import unittest

from ledger import (
    Chart,
    Journal,
    Kind,
    Posting,
    PostingError,
    StatementLine,
    account_statement,
    balance_sheet,
    close_period,
    income,
    trial_balance,
)


def year():
    chart = Chart()
    for code, name, kind in [
        ("10", "Cash", Kind.ASSET),
        ("20", "Loan", Kind.LIABILITY),
        ("30", "Capital", Kind.EQUITY),
        ("40", "Sales", Kind.INCOME),
        ("50", "Rent", Kind.EXPENSE),
    ]:
        chart.open(code, name, kind)
    journal = Journal(chart)
    journal.transfer(1, "start", "30", "10", 1000)
    journal.transfer(2, "loan", "20", "10", 300)
    journal.transfer(3, "sale", "40", "10", 450)
    journal.transfer(5, "rent", "10", "50", 200)
    return journal


class Statement(unittest.TestCase):
    def test_lines(self):
        lines = list(account_statement(year(), "10", 2, 5))
        self.assertEqual(lines[0], StatementLine(2, "opening", 0, 1000))
        self.assertEqual(lines[1:], [(2, "loan", 300, 1300), (3, "sale", 450, 1750), (5, "rent", -200, 1550)])

    def test_other_accounts_are_left_out(self):
        self.assertEqual(
            list(account_statement(year(), "40", 1, 9)), [(1, "opening", 0, 0), (3, "sale", 450, 450)]
        )

    def test_last_day_is_included(self):
        self.assertEqual(len(list(account_statement(year(), "10", 1, 3))), 4)

    def test_render(self):
        line = StatementLine(12, "rent", -123456, 5)
        self.assertEqual(line.render(), "  12 rent         (1,234.56)       0.05")

    def test_render_cuts_long_memos(self):
        self.assertEqual(StatementLine(1, "abcdef", 1, 1).render(5), "   1 abcd~       0.01       0.01")

    def test_render_keeps_memos_that_fit(self):
        self.assertEqual(StatementLine(1, "abcde", 1, 1).render(5), "   1 abcde       0.01       0.01")


class TrialBalance(unittest.TestCase):
    def test_columns(self):
        self.assertEqual(
            trial_balance(year()),
            {"10": (1550, 0), "20": (0, 300), "30": (0, 1000), "40": (0, 450), "50": (200, 0)},
        )

    def test_until(self):
        self.assertEqual(trial_balance(year(), 1), {"10": (1000, 0), "30": (0, 1000)})

    def test_empty(self):
        self.assertEqual(trial_balance(year(), 0), {})


class Nested(unittest.TestCase):
    """Statements count an account alone, never once more with its parent."""

    def setUp(self):
        self.journal = year()
        self.journal.chart.open("101", "Till", Kind.ASSET, "10")
        self.journal.chart.open("401", "Web sales", Kind.INCOME, "40")
        self.journal.transfer(4, "web", "401", "101", 60)

    def test_statement(self):
        self.assertEqual(next(account_statement(self.journal, "10", 6, 9)).balance, 1550)

    def test_trial_balance(self):
        self.assertEqual(trial_balance(self.journal)["10"], (1550, 0))

    def test_balance_sheet(self):
        self.assertEqual(balance_sheet(self.journal, 5)["assets"], 1610)

    def test_close_period(self):
        self.assertEqual(close_period(self.journal, 5, "30").amount("40"), 450)


class Income(unittest.TestCase):
    def test_period(self):
        self.assertEqual(income(year(), 3, 5), {"revenue": 450, "costs": 200, "result": 250})

    def test_days_outside_do_not_count(self):
        self.assertEqual(income(year(), 4, 5), {"revenue": 0, "costs": 200, "result": -200})

    def test_several_entries_add_up(self):
        journal = year()
        journal.transfer(4, "sale", "40", "10", 50)
        self.assertEqual(income(journal, 1, 9)["revenue"], 500)


class BalanceSheet(unittest.TestCase):
    def test_open_result_is_equity(self):
        self.assertEqual(balance_sheet(year(), 5), {"assets": 1550, "liabilities": 300, "equity": 1250})

    def test_until(self):
        self.assertEqual(balance_sheet(year(), 2), {"assets": 1300, "liabilities": 300, "equity": 1000})

    def test_balances_after_close(self):
        journal = year()
        close_period(journal, 5, "30")
        self.assertEqual(balance_sheet(journal, 5)["equity"], 1250)


class ClosePeriod(unittest.TestCase):
    def test_entry(self):
        entry = close_period(year(), 5, "30")
        self.assertEqual((entry.day, entry.memo), (5, "close"))
        self.assertEqual(entry.postings, (Posting("40", 450), Posting("50", -200), Posting("30", -250)))

    def test_temporary_accounts_are_emptied(self):
        journal = year()
        close_period(journal, 5, "30")
        self.assertEqual([journal.balance(code) for code in ("30", "40", "50")], [1250, 0, 0])

    def test_books_are_closed(self):
        journal = year()
        close_period(journal, 5, "30")
        with self.assertRaises(PostingError):
            journal.transfer(5, "late", "10", "50", 1)

    def test_nothing_to_close(self):
        journal = year()
        self.assertIsNone(close_period(journal, 2, "30"))
        with self.assertRaises(PostingError):
            journal.transfer(2, "late", "10", "50", 1)

    def test_no_result_leaves_equity_alone(self):
        journal = year()
        journal.transfer(5, "more rent", "10", "50", 250)
        self.assertEqual(close_period(journal, 5, "30").postings, (Posting("40", 450), Posting("50", -450)))

    def test_target_must_be_equity(self):
        with self.assertRaisesRegex(PostingError, "^account 20 is not equity$"):
            close_period(year(), 5, "20")
