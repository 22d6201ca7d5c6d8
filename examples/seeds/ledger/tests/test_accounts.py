import unittest

from ledger import Account, Chart, ChartError, DuplicateAccount, Kind, UnknownAccount


def small_chart():
    chart = Chart()
    chart.open("2", "Bank", Kind.ASSET)
    chart.open("1", "Assets", Kind.ASSET)
    chart.open("21", "Savings", Kind.ASSET, "2")
    chart.open("211", "Bonds", Kind.ASSET, "21")
    chart.open("9", "Sales", Kind.INCOME)
    return chart


class Kinds(unittest.TestCase):
    def test_debit_raises_assets_and_expenses(self):
        self.assertEqual([kind.sign for kind in Kind], [1, -1, -1, -1, 1])

    def test_temporary_kinds(self):
        self.assertEqual([kind for kind in Kind if kind.temporary], [Kind.INCOME, Kind.EXPENSE])


class Accounts(unittest.TestCase):
    def test_fields(self):
        account = Account("10", "Cash", Kind.ASSET, "1")
        self.assertEqual(
            (account.code, account.name, account.kind, account.parent), ("10", "Cash", Kind.ASSET, "1")
        )

    def test_repr(self):
        self.assertEqual(repr(Account("10", "Cash", Kind.ASSET)), "Account(10, Cash, asset)")

    def test_empty_code(self):
        with self.assertRaisesRegex(ChartError, "bad account code ''"):
            Account("", "x", Kind.ASSET)

    def test_code_with_a_dash(self):
        with self.assertRaises(ChartError):
            Account("1-0", "x", Kind.ASSET)


class Charts(unittest.TestCase):
    def test_iterates_by_code(self):
        self.assertEqual([account.code for account in small_chart()], ["1", "2", "21", "211", "9"])

    def test_contains(self):
        self.assertIn("21", small_chart())
        self.assertNotIn("22", small_chart())

    def test_open_returns_the_account(self):
        account = Chart().open("5", "Cash", Kind.ASSET)
        self.assertEqual((account.code, account.parent), ("5", None))

    def test_duplicate(self):
        with self.assertRaisesRegex(DuplicateAccount, "^account 2 is already 'Bank'$"):
            small_chart().open("2", "Other", Kind.ASSET)

    def test_child_of_another_kind(self):
        with self.assertRaisesRegex(ChartError, "^account 91 is not of the kind of its parent 9$") as caught:
            small_chart().open("91", "Fees", Kind.EXPENSE, "9")
        self.assertIs(type(caught.exception), ChartError)

    def test_unknown_parent(self):
        with self.assertRaises(UnknownAccount):
            small_chart().open("71", "x", Kind.ASSET, "7")

    def test_unknown_account_names_the_code(self):
        with self.assertRaises(UnknownAccount) as caught:
            small_chart().get("7")
        self.assertEqual(str(caught.exception), "no account '7'")
        self.assertEqual(caught.exception.code, "7")

    def test_unknown_account_is_a_key_error(self):
        self.assertTrue(issubclass(UnknownAccount, KeyError))

    def test_path(self):
        self.assertEqual(small_chart().path("211"), "Bank:Savings:Bonds")

    def test_path_of_a_root(self):
        self.assertEqual(small_chart().path("9"), "Sales")

    def test_family(self):
        self.assertEqual(small_chart().family("2"), ["2", "21", "211"])

    def test_family_of_a_leaf(self):
        self.assertEqual(small_chart().family("1"), ["1"])

    def test_of_kind(self):
        self.assertEqual([account.code for account in small_chart().of_kind(Kind.INCOME)], ["9"])
