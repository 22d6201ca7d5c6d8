import unittest

from pricing import Tier, TierError, TierPlan

TIERS = [Tier(1, 100), Tier(10, 80), Tier(20, 50)]


class Making(unittest.TestCase):
    def test_no_tiers(self):
        with self.assertRaisesRegex(TierError, "^the first tier must start at 1$"):
            TierPlan([])

    def test_first_starts_at_one(self):
        with self.assertRaisesRegex(TierError, "^the first tier must start at 1$"):
            TierPlan([Tier(2, 100)])

    def test_starts_must_rise(self):
        with self.assertRaisesRegex(TierError, "^tier 1 does not follow 1$"):
            TierPlan([Tier(1, 100), Tier(1, 90)])

    def test_starts_must_not_fall(self):
        with self.assertRaisesRegex(TierError, "^tier 3 does not follow 4$"):
            TierPlan([Tier(1, 100), Tier(4, 90), Tier(3, 80)])

    def test_prices_must_not_rise(self):
        with self.assertRaisesRegex(TierError, "^tier 5 is dearer than 1$"):
            TierPlan([Tier(1, 100), Tier(5, 101)])

    def test_equal_prices_are_fine(self):
        self.assertEqual(TierPlan([Tier(1, 100), Tier(5, 100)]).total(5), 500)

    def test_tier_error_is_a_value_error(self):
        self.assertTrue(issubclass(TierError, ValueError))


class Volume(unittest.TestCase):
    def setUp(self):
        self.plan = TierPlan(TIERS)

    def test_unit_price_changes_at_the_start(self):
        self.assertEqual([self.plan.unit_price(n) for n in (1, 9, 10, 19, 20)], [100, 100, 80, 80, 50])

    def test_unit_price_of_nothing(self):
        with self.assertRaisesRegex(TierError, "^no tier for a quantity of 0$"):
            self.plan.unit_price(0)

    def test_total(self):
        self.assertEqual([self.plan.total(n) for n in (0, 9, 10)], [0, 900, 800])

    def test_next_saving(self):
        self.assertEqual(self.plan.next_saving(9), (1, 100))

    def test_next_saving_skips_a_tier(self):
        self.assertEqual(self.plan.next_saving(15), (5, 200))

    def test_saving_of_one(self):
        self.assertEqual(TierPlan([Tier(1, 100), Tier(11, 90)]).next_saving(10), (1, 10))
        self.assertEqual(TierPlan([Tier(1, 10), Tier(3, 3)]).next_saving(1), (2, 1))

    def test_no_saving_yet(self):
        self.assertIsNone(self.plan.next_saving(8))

    def test_no_saving_at_the_top(self):
        self.assertIsNone(self.plan.next_saving(20))


class Graduated(unittest.TestCase):
    def setUp(self):
        self.plan = TierPlan(TIERS, graduated=True)

    def test_bands(self):
        self.assertEqual(list(self.plan.bands(25)), [(9, 100), (10, 80), (6, 50)])

    def test_bands_stop(self):
        self.assertEqual(list(self.plan.bands(9)), [(9, 100)])
        self.assertEqual(list(self.plan.bands(10)), [(9, 100), (1, 80)])

    def test_total(self):
        self.assertEqual(self.plan.total(25), 2000)

    def test_total_of_nothing(self):
        self.assertEqual(self.plan.total(0), 0)

    def test_more_never_saves(self):
        self.assertIsNone(self.plan.next_saving(9))
