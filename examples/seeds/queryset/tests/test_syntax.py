import unittest

from queryset import ParseError, QueryError, parse_condition, parse_query

A, B, C = ("field", "a"), ("field", "b"), ("field", "c")


class Conditions(unittest.TestCase):
    def check(self, source, tree):
        self.assertEqual(parse_condition(source), tree)

    def test_comparison(self):
        self.check("a <= 5", ("<=", A, ("value", 5)))

    def test_constants(self):
        self.check("a = true or a = null", ("or", ("=", A, ("value", True)), ("=", A, ("value", None))))

    def test_false(self):
        self.check("a = false", ("=", A, ("value", False)))

    def test_a_string_is_no_constant(self):
        self.check("a = 'true'", ("=", A, ("value", "true")))

    def test_a_keyword_is_no_value(self):
        with self.assertRaisesRegex(ParseError, "^expected a name, found 'by' at 4$"):
            parse_condition("a = by")

    def test_minus_binds_tightest(self):
        self.check("-a * b", ("*", ("-", ("value", 0), A), B))

    def test_string_and_float(self):
        self.check("'x' != 2.5", ("!=", ("value", "x"), ("value", 2.5)))

    def test_and_binds_tighter_than_or(self):
        self.check("a or b and c", ("or", A, ("and", B, C)))

    def test_or_groups_to_the_left(self):
        self.check("a or b or c", ("or", ("or", A, B), C))

    def test_and_groups_to_the_left(self):
        self.check("a and b and c", ("and", ("and", A, B), C))

    def test_not_binds_tighter_than_and(self):
        self.check("not a and b", ("and", ("not", A), B))

    def test_double_not(self):
        self.check("not not a", ("not", ("not", A)))

    def test_brackets(self):
        self.check("(a or b) and c", ("and", ("or", A, B), C))

    def test_product_before_sum(self):
        self.check("a + b * c", ("+", A, ("*", B, C)))

    def test_differences_group_to_the_left(self):
        self.check("a - b - c", ("-", ("-", A, B), C))

    def test_quotients_group_to_the_left(self):
        self.check("a / b / c", ("/", ("/", A, B), C))

    def test_minus(self):
        self.check("a > -5", (">", A, ("-", ("value", 0), ("value", 5))))

    def test_is_null(self):
        self.check("a is null", ("null", A))

    def test_is_not_null(self):
        self.check("a is not null", ("not", ("null", A)))

    def test_in(self):
        self.check("a in (1, b)", ("in", A, (("value", 1), B)))

    def test_contains(self):
        self.check("a contains 'x'", ("contains", A, ("value", "x")))

    def test_trailing_text(self):
        with self.assertRaisesRegex(ParseError, "^unexpected 'b' at 2$"):
            parse_condition("a b")

    def test_missing_value(self):
        with self.assertRaisesRegex(ParseError, "^expected a name, found 'the end' at 3$"):
            parse_condition("a =")

    def test_missing_bracket(self):
        with self.assertRaisesRegex(ParseError, r"^expected '\)', found 'the end' at 2$"):
            parse_condition("(a")

    def test_is_needs_null(self):
        with self.assertRaisesRegex(ParseError, "^expected 'null', found '5' at 5$"):
            parse_condition("a is 5")

    def test_string_is_no_keyword(self):
        with self.assertRaisesRegex(ParseError, "^unexpected 'and' at 2$"):
            parse_condition("a 'and' b")

    def test_bad_number(self):
        with self.assertRaisesRegex(ParseError, "^bad number '1.2.3' at 4$"):
            parse_condition("a = 1.2.3")

    def test_errors_share_a_root(self):
        self.assertTrue(issubclass(ParseError, QueryError))


class Queries(unittest.TestCase):
    def test_all_clauses(self):
        self.assertEqual(
            parse_query("select a, b where c order by a desc, b asc, c limit 5 skip 2"),
            {
                "select": ["a", "b"],
                "where": C,
                "order": [("a", True), ("b", False), ("c", False)],
                "limit": 5,
                "skip": 2,
            },
        )

    def test_group(self):
        self.assertEqual(parse_query("group by a, b"), {"group": ["a", "b"]})

    def test_empty(self):
        self.assertEqual(parse_query(""), {})

    def test_by_is_needed(self):
        with self.assertRaisesRegex(ParseError, "^expected 'by', found 'a' at 6$"):
            parse_query("order a")

    def test_clause_twice(self):
        with self.assertRaisesRegex(ParseError, "^'limit' cannot stand here at 8$"):
            parse_query("limit 1 limit 2")

    def test_no_clause(self):
        with self.assertRaisesRegex(ParseError, "^'a' cannot stand here at 0$"):
            parse_query("a = 1")

    def test_bad_limit(self):
        with self.assertRaises(ParseError) as caught:
            parse_query(" limit 1.2.3")
        self.assertEqual((str(caught.exception), caught.exception.at), ("bad number '1.2.3' at 1", 1))

    def test_limit_needs_a_number(self):
        with self.assertRaisesRegex(ParseError, "^expected a number, found 'x' at 6$"):
            parse_query("limit x")
