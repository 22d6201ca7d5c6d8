import unittest

from pricing import Basket, BasketError, Item, Tier, TierPlan


class Items(unittest.TestCase):
    def test_defaults(self):
        item = Item("pen", 150)
        self.assertEqual(
            (item.quantity, item.tax_class, item.tags, item.plan), (1, "standard", frozenset(), None)
        )

    def test_subtotal(self):
        self.assertEqual(Item("pen", 150, 3).subtotal, 450)

    def test_subtotal_with_a_plan(self):
        self.assertEqual(Item("pen", 150, 3, plan=TierPlan([Tier(1, 90)])).subtotal, 270)

    def test_items_cannot_change(self):
        with self.assertRaises(AttributeError):
            Item("pen", 150).price = 1


class Putting(unittest.TestCase):
    def setUp(self):
        self.basket = Basket()
        self.basket.put(Item("pen", 150, 2))

    def test_same_article_adds_up(self):
        self.assertEqual(self.basket.put(Item("pen", 150, 3)).quantity, 5)
        self.assertEqual(self.basket["pen"].quantity, 5)

    def test_other_price(self):
        with self.assertRaisesRegex(BasketError, "^pen is already in the basket at 150$"):
            self.basket.put(Item("pen", 140))

    def test_no_quantity(self):
        with self.assertRaisesRegex(BasketError, "^ink needs a quantity and a price$"):
            self.basket.put(Item("ink", 10, 0))

    def test_negative_price(self):
        with self.assertRaisesRegex(BasketError, "needs a quantity and a price"):
            self.basket.put(Item("ink", -1))

    def test_free_articles(self):
        self.assertEqual(self.basket.put(Item("leaflet", 0)).subtotal, 0)

    def test_limit(self):
        self.assertEqual(self.basket.put(Item("pen", 150, 97)).quantity, 99)

    def test_too_many_at_once(self):
        with self.assertRaisesRegex(BasketError, "^no more than 99 of ink$"):
            self.basket.put(Item("ink", 5, 100))

    def test_over_the_limit(self):
        with self.assertRaisesRegex(BasketError, "^no more than 99 of pen$"):
            self.basket.put(Item("pen", 150, 98))


class Reading(unittest.TestCase):
    def setUp(self):
        self.basket = Basket()
        self.basket.put(Item("pen", 150, 2, tags=frozenset({"office", "blue"})))
        self.basket.put(Item("tea", 400, 1, tags=frozenset({"food"})))

    def test_order(self):
        self.assertEqual([item.sku for item in self.basket], ["pen", "tea"])

    def test_units(self):
        self.assertEqual(self.basket.units, 3)

    def test_subtotal(self):
        self.assertEqual(self.basket.subtotal, 700)

    def test_tagged(self):
        self.assertEqual([item.sku for item in self.basket.tagged("food")], ["tea"])

    def test_missing(self):
        with self.assertRaisesRegex(BasketError, "^ink is not in the basket$"):
            self.basket["ink"]

    def test_take_one(self):
        self.basket.take("pen")
        self.assertEqual(self.basket["pen"].quantity, 1)

    def test_take_all(self):
        self.basket.take("pen", 2)
        self.assertEqual([item.sku for item in self.basket], ["tea"])

    def test_take_too_many(self):
        with self.assertRaisesRegex(BasketError, "^only 2 of pen in the basket$"):
            self.basket.take("pen", 3)

    def test_take_missing(self):
        with self.assertRaisesRegex(BasketError, "^ink is not in the basket$"):
            self.basket.take("ink")
