import unittest

from pricing import Basket, BuyGet, Discount, FixedOff, Item, PercentOff, Threshold, best_combination


def goods():
    basket = Basket()
    basket.put(Item("tea", 400, 2, tags=frozenset({"food"})))
    basket.put(Item("jam", 255, 1, tags=frozenset({"food"})))
    basket.put(Item("pen", 100, 1))
    return basket


class SameForAll(Discount):
    """Takes seven off whatever is there."""

    def amount(self, basket):
        return 7


class Single(unittest.TestCase):
    def test_percent_rounds_down(self):
        self.assertEqual(PercentOff("p", percent=10).amount(goods()), 115)

    def test_percent_of_a_tag(self):
        self.assertEqual(PercentOff("p", percent=20, tag="food").amount(goods()), 211)

    def test_percent_with_a_cap(self):
        self.assertEqual(PercentOff("p", percent=50, cap=300).amount(goods()), 300)
        self.assertEqual(PercentOff("p", percent=10, cap=300).amount(goods()), 115)

    def test_fixed(self):
        self.assertEqual(FixedOff("f", value=200).amount(goods()), 200)

    def test_fixed_never_exceeds_the_basket(self):
        self.assertEqual(FixedOff("f", value=5000).amount(goods()), 1155)

    def test_buy_two_get_one(self):
        self.assertEqual(BuyGet("b", buy=2, get=1, tag="food").amount(goods()), 255)

    def test_buy_one_get_one(self):
        basket = goods()
        basket.put(Item("jam", 255, 3))
        self.assertEqual(BuyGet("b", tag="food").amount(basket), 765)

    def test_too_few_to_get_one(self):
        self.assertEqual(BuyGet("b", buy=3, get=1, tag="food").amount(goods()), 0)

    def test_base_is_abstract(self):
        with self.assertRaisesRegex(NotImplementedError, "^x$"):
            Discount("x").amount(goods())

    def test_defaults_take_nothing(self):
        basket = goods()
        amounts = [make("x").amount(basket) for make in (PercentOff, FixedOff, BuyGet, Threshold)]
        self.assertEqual(amounts, [0, 0, 0, 0])


class Thresholds(unittest.TestCase):
    def amount(self, **needs):
        return Threshold("t", inner=FixedOff("f", value=50), **needs).amount(goods())

    def test_minimum_is_included(self):
        self.assertEqual(self.amount(least=1155), 50)

    def test_below_the_minimum(self):
        self.assertEqual(self.amount(least=1156), 0)

    def test_no_needs(self):
        self.assertEqual(self.amount(), 50)

    def test_no_needs_of_an_empty_basket(self):
        self.assertEqual(Threshold("t", inner=SameForAll("s")).amount(Basket()), 7)

    def test_units_are_included(self):
        self.assertEqual(self.amount(units=4), 50)

    def test_too_few_units(self):
        self.assertEqual(self.amount(units=5), 0)


class Combinations(unittest.TestCase):
    def setUp(self):
        self.ten = PercentOff("ten", percent=10)
        self.small = FixedOff("small", value=60)
        self.large = FixedOff("large", value=150)

    def names(self, *discounts, **options):
        return [discount.name for discount, _ in best_combination(goods(), discounts, **options)]

    def test_two_best(self):
        self.assertEqual(self.names(self.small, self.ten, self.large), ["ten", "large"])

    def test_amounts(self):
        self.assertEqual(best_combination(goods(), [self.ten]), [(self.ten, 115)])

    def test_exclusive_stands_alone(self):
        alone = FixedOff("alone", exclusive=True, value=170)
        self.assertEqual(self.names(self.small, alone, self.ten), ["small", "ten"])

    def test_exclusive_wins_where_it_is_better(self):
        alone = FixedOff("alone", exclusive=True, value=176)
        self.assertEqual(self.names(self.small, alone, self.ten), ["alone"])

    def test_not_exclusive_by_default(self):
        self.assertFalse(self.ten.exclusive)

    def test_limit(self):
        self.assertEqual(self.names(self.small, self.ten, self.large, limit=1), ["large"])
        self.assertEqual(self.names(self.small, self.ten, self.large, limit=3), ["small", "ten", "large"])

    def test_useless_ones_are_left_out(self):
        self.assertEqual(self.names(FixedOff("none")), [])

    def test_useless_ones_do_not_pad(self):
        self.assertEqual(self.names(FixedOff("none"), self.small, FixedOff("never")), ["small"])

    def test_fewer_win_ties(self):
        self.assertEqual(self.names(self.small, FixedOff("all", value=9999)), ["all"])

    def test_a_single_unit_counts(self):
        self.assertEqual(self.names(FixedOff("one", value=1)), ["one"])
