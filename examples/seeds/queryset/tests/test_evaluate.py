import unittest

from queryset import EvaluationError, evaluate, matches, parse_condition

ROW = {
    "n": 5,
    "name": "ada",
    "tags": ["x", "y"],
    "home": {"town": "Ely"},
    "none": None,
    "ok": True,
    "zero": 0,
}


def value(source):
    return evaluate(parse_condition(source), ROW)


class Values(unittest.TestCase):
    def test_field(self):
        self.assertEqual(value("n"), 5)

    def test_path(self):
        self.assertEqual(value("home.town"), "Ely")

    def test_missing_fields_are_null(self):
        self.assertIsNone(value("nowhere"))
        self.assertIsNone(value("name.length"))

    def test_arithmetic(self):
        self.assertEqual(value("n * 2 + 1 - 6 / 4"), 9.5)

    def test_null_in_a_sum(self):
        self.assertIsNone(value("none + 1"))
        self.assertIsNone(value("1 * none"))

    def test_division_by_zero_is_null(self):
        self.assertIsNone(value("n / zero"))


class Conditions(unittest.TestCase):
    def test_ordered(self):
        self.assertEqual(
            [value(f"n {symbol} 5") for symbol in ("<", "<=", ">", ">=")], [False, True, False, True]
        )

    def test_equality(self):
        self.assertEqual((value("n = 5"), value("n != 5")), (True, False))

    def test_null_equals_null(self):
        self.assertIs(value("none = null"), True)

    def test_null_differs_from_a_value(self):
        self.assertIs(value("none != 5"), True)

    def test_null_is_not_ordered(self):
        self.assertIs(value("none < 5"), False)
        self.assertIs(value("5 > none"), False)

    def test_is_null(self):
        self.assertEqual(
            (value("none is null"), value("n is null"), value("n is not null")), (True, False, True)
        )

    def test_in(self):
        self.assertEqual((value("n in (4, 5)"), value("n in (4, 6)")), (True, False))

    def test_in_with_fields(self):
        self.assertEqual((value("5 in (zero, n)"), value("5 in (zero, name)")), (True, False))

    def test_contains(self):
        self.assertEqual((value("tags contains 'x'"), value("name contains 'z'")), (True, False))

    def test_and(self):
        self.assertEqual((value("ok and n = 5"), value("ok and n = 4")), (True, False))

    def test_and_stops_early(self):
        self.assertIs(value("n = 4 and name > 1"), False)

    def test_or(self):
        self.assertEqual((value("n = 4 or ok"), value("n = 4 or n = 6")), (True, False))

    def test_or_stops_early(self):
        self.assertIs(value("ok or name > 1"), True)

    def test_not(self):
        self.assertIs(value("not n = 5"), False)

    def test_wrong_types(self):
        with self.assertRaisesRegex(EvaluationError, "^> does not work on str and int$"):
            value("name > 1")

    def test_null_is_no_match(self):
        self.assertIs(matches(parse_condition("none"), ROW), False)

    def test_not_a_condition(self):
        with self.assertRaisesRegex(EvaluationError, "^5 is not a condition$"):
            matches(parse_condition("n"), ROW)
