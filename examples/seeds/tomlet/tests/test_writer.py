import unittest

from tomlet import ConfigError, TypeProblem, dumps, get, loads, require


class Dumps(unittest.TestCase):
    def test_empty(self):
        self.assertEqual(dumps({}), "")

    def test_scalars(self):
        self.assertEqual(
            dumps({"a": 1, "b": True, "c": False, "d": 1.5}), "a = 1\nb = true\nc = false\nd = 1.5\n"
        )

    def test_strings_are_escaped(self):
        self.assertEqual(dumps({"a": 'x"\n\\'}), 'a = "x\\"\\n\\\\"\n')

    def test_keys_are_quoted_where_needed(self):
        self.assertEqual(dumps({"a b": 1, "": 2, "c-d": 3}), '"a b" = 1\n"" = 2\nc-d = 3\n')

    def test_arrays_and_inline_tables(self):
        self.assertEqual(
            dumps({"a": [1, (2, 3), {"x": 1, "y z": 2}, {}]}), 'a = [1, [2, 3], { x = 1, "y z" = 2 }, {}]\n'
        )

    def test_tables_come_after_plain_keys(self):
        self.assertEqual(dumps({"t": {"x": 1}, "a": 2}), "a = 2\n\n[t]\nx = 1\n")

    def test_nested_headers(self):
        self.assertEqual(dumps({"a": {"b c": {"x": 1}}}), '[a]\n\n[a."b c"]\nx = 1\n')

    def test_unknown_type(self):
        with self.assertRaisesRegex(TypeProblem, "^cannot write a NoneType$"):
            dumps({"a": None})

    def test_round_trip(self):
        config = {"a": [1, "x"], "t": {"u": {"v": -1.5}, "w": "'"}}
        self.assertEqual(loads(dumps(config)), config)


class Lookup(unittest.TestCase):
    CONFIG = {"a": {"b": [10, {"c": 20}]}, "flag": True, "n": 0}

    def test_nested(self):
        self.assertEqual(get(self.CONFIG, "a.b.1.c"), 20)

    def test_digits_in_a_scalar(self):
        self.assertIsNone(get({"a": "xyz"}, "a.0"))

    def test_index_past_the_end(self):
        self.assertEqual(get(self.CONFIG, "a.b.2", "none"), "none")

    def test_word_as_an_index(self):
        self.assertIsNone(get(self.CONFIG, "a.b.c"))

    def test_key_in_a_scalar(self):
        self.assertEqual(get(self.CONFIG, "flag.x", 5), 5)

    def test_zero_is_a_value(self):
        self.assertEqual(get(self.CONFIG, "n", 5), 0)

    def test_require(self):
        self.assertEqual(require(self.CONFIG, "a.b.0", int), 10)

    def test_require_a_boolean(self):
        self.assertIs(require(self.CONFIG, "flag", bool), True)

    def test_missing(self):
        with self.assertRaisesRegex(ConfigError, "^`a.x` is missing$") as caught:
            require(self.CONFIG, "a.x", int)
        self.assertIs(type(caught.exception), ConfigError)

    def test_wrong_type(self):
        with self.assertRaisesRegex(TypeProblem, "^`a.b` should be dict, not list$"):
            require(self.CONFIG, "a.b", dict)

    def test_a_boolean_is_no_integer(self):
        with self.assertRaisesRegex(TypeProblem, "^`flag` should be int, not bool$"):
            require(self.CONFIG, "flag", int)

    def test_type_problem_is_a_type_error(self):
        self.assertTrue(issubclass(TypeProblem, TypeError))
