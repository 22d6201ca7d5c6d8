import unittest

from ledger import Chart, Entry, Journal, Kind, Posting, PostingError, Unbalanced, UnknownAccount


def books():
    chart = Chart()
    chart.open("10", "Cash", Kind.ASSET)
    chart.open("101", "Till", Kind.ASSET, "10")
    chart.open("20", "Loan", Kind.LIABILITY)
    chart.open("40", "Sales", Kind.INCOME)
    return Journal(chart)


class Entries(unittest.TestCase):
    ENTRY = Entry(1, 5, "x", (Posting("10", 70), Posting("101", 30), Posting("40", -100)))

    def test_total_counts_debits(self):
        self.assertEqual(self.ENTRY.total, 100)

    def test_total_includes_single_cents(self):
        self.assertEqual(Entry(1, 5, "x", (Posting("10", 1), Posting("40", -1))).total, 1)

    def test_amount_of_one_account(self):
        self.assertEqual(self.ENTRY.amount("40"), -100)
        self.assertEqual(self.ENTRY.amount("20"), 0)

    def test_postings_are_values(self):
        self.assertEqual(Posting("1", 2), Posting("1", 2))
        self.assertEqual(len({Posting("1", 2), Posting("1", 2)}), 1)

    def test_entries_cannot_change(self):
        with self.assertRaises(AttributeError):
            self.ENTRY.day = 6


class Post(unittest.TestCase):
    def test_numbers_from_one(self):
        journal = books()
        first = journal.post(3, "sale", [("10", 500), ("40", -500)])
        second = journal.post(3, "sale", [("10", 500), ("40", -500)])
        self.assertEqual((first.number, second.number, len(journal)), (1, 2, 2))

    def test_keeps_what_was_given(self):
        entry = books().post(3, "sale", [("10", 500), ("40", -500)])
        self.assertEqual(entry, Entry(1, 3, "sale", (Posting("10", 500), Posting("40", -500))))

    def test_unbalanced(self):
        with self.assertRaises(Unbalanced) as caught:
            books().post(0, "x", [("10", 500), ("40", -450)])
        self.assertEqual(str(caught.exception), "debits 500 and credits 450 differ by 50")
        self.assertEqual((caught.exception.debits, caught.exception.credits), (500, 450))

    def test_an_unbalanced_cent_counts(self):
        with self.assertRaises(Unbalanced) as caught:
            books().post(0, "x", [("10", 1), ("40", -3)])
        self.assertEqual((caught.exception.debits, caught.exception.credits), (1, 3))

    def test_single_posting(self):
        with self.assertRaisesRegex(PostingError, "^an entry needs two postings or more$"):
            books().post(0, "x", [("10", 500)])

    def test_zero_posting(self):
        with self.assertRaisesRegex(PostingError, "^a posting of zero says nothing$"):
            books().post(0, "x", [("10", 5), ("40", -5), ("20", 0)])

    def test_unknown_account(self):
        with self.assertRaises(UnknownAccount):
            books().post(0, "x", [("10", 5), ("77", -5)])

    def test_a_refused_entry_leaves_nothing(self):
        journal = books()
        with self.assertRaises(Unbalanced):
            journal.post(0, "x", [("10", 1), ("40", -2)])
        self.assertEqual(len(journal), 0)

    def test_day_zero_is_open(self):
        self.assertEqual(books().post(0, "x", [("10", 5), ("40", -5)]).day, 0)

    def test_day_before_zero(self):
        with self.assertRaisesRegex(PostingError, "^day -1 is closed; the books are open from 0$"):
            books().post(-1, "x", [("10", 5), ("40", -5)])


class Transfer(unittest.TestCase):
    def test_moves_from_source_to_target(self):
        entry = books().transfer(2, "till", "10", "101", 250)
        self.assertEqual(entry.postings, (Posting("101", 250), Posting("10", -250)))
        self.assertEqual((entry.day, entry.memo), (2, "till"))

    def test_one_cent(self):
        self.assertEqual(books().transfer(2, "till", "10", "101", 1).total, 1)

    def test_zero(self):
        with self.assertRaisesRegex(PostingError, "^a transfer needs a positive amount, not 0$"):
            books().transfer(2, "till", "10", "101", 0)


class Reverse(unittest.TestCase):
    def setUp(self):
        self.journal = books()
        self.journal.transfer(4, "rent", "10", "20", 100)
        self.journal.transfer(4, "fees", "10", "20", 7)

    def test_books_the_opposite(self):
        entry = self.journal.reverse(2, 6)
        self.assertEqual(entry, Entry(3, 6, "reversal of fees", (Posting("20", -7), Posting("10", 7))))

    def test_same_day_is_allowed(self):
        self.assertEqual(self.journal.reverse(1, 4).total, 100)

    def test_earlier_day(self):
        with self.assertRaisesRegex(PostingError, "^entry 1 is of day 4, after 3$"):
            self.journal.reverse(1, 3)

    def test_number_zero(self):
        with self.assertRaisesRegex(PostingError, "^no entry 0$"):
            self.journal.reverse(0, 9)

    def test_number_past_the_end(self):
        with self.assertRaisesRegex(PostingError, "^no entry 3$"):
            self.journal.reverse(3, 9)


class Reading(unittest.TestCase):
    def setUp(self):
        self.journal = books()
        for day, cents in [(5, 10), (2, 20), (9, 40), (5, 80)]:
            self.journal.transfer(day, "sale", "40", "101", cents)

    def test_by_day_then_number(self):
        self.assertEqual([entry.number for entry in self.journal.entries()], [2, 1, 4, 3])

    def test_bounds_are_included(self):
        self.assertEqual([entry.day for entry in self.journal.entries(2, 5)], [2, 5, 5])

    def test_from_a_day(self):
        self.assertEqual([entry.day for entry in self.journal.entries(first=3)], [5, 5, 9])

    def test_balance_in_the_accounts_own_sense(self):
        self.assertEqual(self.journal.balance("101"), 150)
        self.assertEqual(self.journal.balance("40"), 150)

    def test_balance_with_children(self):
        self.assertEqual(self.journal.balance("10"), 150)

    def test_balance_without_children(self):
        self.assertEqual(self.journal.balance("10", deep=False), 0)

    def test_balance_until_a_day(self):
        self.assertEqual(self.journal.balance("40", 5), 110)

    def test_untouched_account(self):
        self.assertEqual(self.journal.balance("20"), 0)


class Close(unittest.TestCase):
    def test_closed_day_is_refused(self):
        journal = books()
        journal.close(7)
        with self.assertRaisesRegex(PostingError, "^day 7 is closed; the books are open from 8$"):
            journal.transfer(7, "x", "10", "101", 5)

    def test_next_day_is_open(self):
        journal = books()
        journal.close(7)
        self.assertEqual(journal.transfer(8, "x", "10", "101", 5).day, 8)

    def test_closing_twice_is_harmless(self):
        journal = books()
        journal.close(7)
        journal.close(7)
        self.assertEqual(len(journal), 0)

    def test_cannot_close_backwards(self):
        journal = books()
        journal.close(7)
        with self.assertRaisesRegex(PostingError, "^already closed until 7$"):
            journal.close(6)
