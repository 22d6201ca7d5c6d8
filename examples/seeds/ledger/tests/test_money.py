import unittest

from ledger import MoneyError, allocate, format_cents, parse_cents, share


class ParseCents(unittest.TestCase):
    def test_whole_units(self):
        self.assertEqual(parse_cents("12"), 1200)

    def test_one_decimal_is_tens_of_cents(self):
        self.assertEqual(parse_cents("0.5"), 50)

    def test_two_decimals(self):
        self.assertEqual(parse_cents("3.07"), 307)

    def test_separators_spaces_and_minus(self):
        self.assertEqual(parse_cents(" -1,234.56 "), -123456)

    def test_three_decimals_are_refused(self):
        with self.assertRaisesRegex(MoneyError, "^bad decimals in '1.234'$"):
            parse_cents("1.234")

    def test_a_dot_needs_decimals(self):
        with self.assertRaisesRegex(MoneyError, "bad decimals"):
            parse_cents("1.")

    def test_letters_after_the_dot(self):
        with self.assertRaisesRegex(MoneyError, "bad decimals"):
            parse_cents("1.x")

    def test_no_digits(self):
        with self.assertRaisesRegex(MoneyError, "^not an amount: 'abc'$"):
            parse_cents("abc")

    def test_money_error_is_a_value_error(self):
        self.assertTrue(issubclass(MoneyError, ValueError))


class FormatCents(unittest.TestCase):
    def test_zero(self):
        self.assertEqual(format_cents(0, brackets=True), "0.00")

    def test_a_single_negative_cent(self):
        self.assertEqual(format_cents(-1), "-0.01")

    def test_thousands(self):
        self.assertEqual(format_cents(123456789), "1,234,567.89")

    def test_negative(self):
        self.assertEqual(format_cents(-105), "-1.05")

    def test_brackets(self):
        self.assertEqual(format_cents(-105, brackets=True), "(1.05)")

    def test_symbol_comes_after_the_minus(self):
        self.assertEqual(format_cents(-200, symbol="$"), "-$2.00")


class Allocate(unittest.TestCase):
    def test_even(self):
        self.assertEqual(allocate(90, [1, 1, 1]), [30, 30, 30])

    def test_earlier_shares_take_the_remainder(self):
        self.assertEqual(allocate(101, [1, 1, 1]), [34, 34, 33])

    def test_weights(self):
        self.assertEqual(allocate(1000, [70, 20, 10]), [700, 200, 100])

    def test_zero_weight_gets_nothing(self):
        self.assertEqual(allocate(5, [0, 1, 1]), [0, 3, 2])

    def test_negative_total(self):
        self.assertEqual(allocate(-101, [1, 1]), [-51, -50])

    def test_a_single_weight(self):
        self.assertEqual(allocate(-1, [1]), [-1])

    def test_zero_weights(self):
        with self.assertRaises(MoneyError):
            allocate(5, [0, 0])

    def test_negative_weight(self):
        with self.assertRaisesRegex(MoneyError, "weights must be positive"):
            allocate(5, [3, -1])


class Share(unittest.TestCase):
    def test_percent(self):
        self.assertEqual(share(20000, 1900), 3800)

    def test_half_rounds_away_from_zero(self):
        self.assertEqual(share(1, 5000), 1)
        self.assertEqual(share(-1, 5000), -1)

    def test_below_half_rounds_down(self):
        self.assertEqual(share(1, 4999), 0)

    def test_zero(self):
        self.assertEqual(share(0, 5000), 0)
