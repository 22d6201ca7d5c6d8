import unittest

from pricing import (
    Basket,
    BasketError,
    FixedOff,
    Item,
    PercentOff,
    Receipt,
    ReceiptLine,
    Rounding,
    TaxTable,
    checkout,
    gross_of,
    net_of,
    tax_of,
)

RATES = {"standard": 2000, "food": 500}


def basket(*items):
    filled = Basket()
    for item in items:
        filled.put(item)
    return filled


class Taxes(unittest.TestCase):
    def test_tax(self):
        self.assertEqual(tax_of(1000, 1900), 190)

    def test_tax_rounds_half_up(self):
        self.assertEqual(tax_of(50, 500), 3)

    def test_tax_with_another_rounding(self):
        self.assertEqual(tax_of(50, 500, Rounding.DOWN), 2)

    def test_gross(self):
        self.assertEqual(gross_of(1000, 1900), 1190)

    def test_net(self):
        self.assertEqual(net_of(1190, 1900), 1000)

    def test_net_with_another_rounding(self):
        self.assertEqual([net_of(100, 2000, mode) for mode in (Rounding.DOWN, Rounding.UP)], [83, 84])

    def test_split_inclusive(self):
        self.assertEqual(TaxTable(RATES).split(1200, "standard"), (1000, 200))

    def test_split_exclusive(self):
        self.assertEqual(TaxTable(RATES, inclusive=False).split(1000, "food"), (1000, 50))

    def test_unknown_class(self):
        with self.assertRaises(KeyError) as caught:
            TaxTable(RATES).rate("luxury")
        self.assertEqual(caught.exception.args[0], "no tax class luxury; known are food, standard")

    def test_rate_of_all(self):
        with self.assertRaisesRegex(ValueError, "^rate 10000 of x is not in basis points$"):
            TaxTable({"x": 10000})

    def test_negative_rate(self):
        with self.assertRaisesRegex(ValueError, "^rate -1 of x is not in basis points$"):
            TaxTable({"x": -1})

    def test_rates_at_the_edges(self):
        table = TaxTable({"none": 0, "most": 9999})
        self.assertEqual((table.rate("none"), table.rate("most")), (0, 9999))


class Receipts(unittest.TestCase):
    def setUp(self):
        self.receipt = Receipt(
            (ReceiptLine("a", 2, 30, 100, 20), ReceiptLine("b", 1, 5, 50, 3)), (("sale", 35),), -3
        )

    def test_charged(self):
        self.assertEqual(self.receipt.lines[0].charged, 120)

    def test_total(self):
        self.assertEqual(self.receipt.total, 170)

    def test_saved(self):
        self.assertEqual(self.receipt.saved, 35)

    def test_taxes(self):
        self.assertEqual(self.receipt.taxes(), 23)

    def test_render(self):
        self.assertEqual(self.receipt.render(), "2 x a: 120\n1 x b: 53\nsale: -35\nrounding: -3\ntotal: 170")

    def test_render_without_rounding(self):
        self.assertEqual(Receipt((ReceiptLine("a", 1, 0, 5, 1),), ()).render(), "1 x a: 6\ntotal: 6")

    def test_receipts_cannot_change(self):
        with self.assertRaises(AttributeError):
            self.receipt.rounding = 0
        with self.assertRaises(AttributeError):
            self.receipt.lines[0].net = 0


class Checkout(unittest.TestCase):
    def test_plain(self):
        receipt = checkout(basket(Item("pen", 120, 2), Item("tea", 210, tax_class="food")), TaxTable(RATES))
        self.assertEqual(
            receipt.lines, (ReceiptLine("pen", 2, 0, 200, 40), ReceiptLine("tea", 1, 0, 200, 10))
        )
        self.assertEqual((receipt.total, receipt.discounts, receipt.rounding), (450, (), 0))

    def test_exclusive_prices(self):
        receipt = checkout(basket(Item("pen", 100)), TaxTable(RATES, inclusive=False))
        self.assertEqual(receipt.total, 120)

    def test_discount_is_spread_over_lines(self):
        receipt = checkout(
            basket(Item("a", 300), Item("b", 100)), TaxTable(RATES), [PercentOff("ten", percent=10)]
        )
        self.assertEqual([line.discount for line in receipt.lines], [30, 10])
        self.assertEqual((receipt.discounts, receipt.total), ((("ten", 40),), 360))

    def test_discounts_never_exceed_the_basket(self):
        offers = [FixedOff("x", value=60), FixedOff("y", value=70)]
        receipt = checkout(basket(Item("a", 100)), TaxTable(RATES), offers)
        self.assertEqual((receipt.total, receipt.saved), (0, 100))

    def test_cash_rounding(self):
        receipt = checkout(basket(Item("a", 103)), TaxTable(RATES), cash_step=5)
        self.assertEqual((receipt.rounding, receipt.total), (2, 105))

    def test_no_cash_rounding_by_default(self):
        self.assertEqual(checkout(basket(Item("a", 103)), TaxTable(RATES)).total, 103)

    def test_free_goods(self):
        self.assertEqual(checkout(basket(Item("a", 0)), TaxTable(RATES)).total, 0)

    def test_cash_rounding_down(self):
        self.assertEqual(checkout(basket(Item("a", 102)), TaxTable(RATES), cash_step=5).rounding, -2)

    def test_empty(self):
        with self.assertRaisesRegex(BasketError, "^the basket is empty$"):
            checkout(Basket(), TaxTable(RATES))
