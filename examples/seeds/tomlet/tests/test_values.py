import unittest

from tomlet import DuplicateKey, SyntaxProblem, loads


def value(text):
    return loads("x = " + text)["x"]


class Strings(unittest.TestCase):
    def test_plain(self):
        self.assertEqual(value('"a # b"'), "a # b")

    def test_escapes(self):
        self.assertEqual(value(r'"a\n\t\"\\"'), 'a\n\t"\\')

    def test_unicode_escape(self):
        self.assertEqual(value(r'"\u00e9!"'), "\u00e9!")

    def test_unicode_escape_ends_after_four(self):
        self.assertEqual(value(r'"\u00e9abc"'), "\u00e9abc")

    def test_short_unicode_escape(self):
        with self.assertRaisesRegex(SyntaxProblem, "needs four hexadecimal digits"):
            value(r'"\u0e9"')

    def test_cut_unicode_escape(self):
        with self.assertRaisesRegex(SyntaxProblem, "needs four hexadecimal digits"):
            value(r'"\u0e')

    def test_unknown_escape(self):
        with self.assertRaisesRegex(SyntaxProblem, r"^line 1, column 7: unknown escape \\q$"):
            value(r'"\q"')

    def test_literal_escapes_nothing(self):
        self.assertEqual(value(r"'a\n'"), r"a\n")

    def test_literal_must_close(self):
        with self.assertRaises(SyntaxProblem) as caught:
            value("'a\n'")
        self.assertEqual(caught.exception.problem, "expected \"'\", found '\\n'")
        self.assertEqual(caught.exception.column, 7)

    def test_string_must_close_on_its_line(self):
        with self.assertRaisesRegex(SyntaxProblem, "^line 1, column 7: a string must end on its line$"):
            value('"a\n"')

    def test_string_must_close_at_the_end(self):
        with self.assertRaisesRegex(SyntaxProblem, "a string must end on its line"):
            value('"a')

    def test_backslash_at_the_end(self):
        with self.assertRaisesRegex(SyntaxProblem, r"unknown escape \\$"):
            value('"a\\')


class Bare(unittest.TestCase):
    def test_true(self):
        self.assertIs(value("true"), True)

    def test_false(self):
        self.assertIs(value("false"), False)

    def test_integer(self):
        self.assertEqual(value("-1_000"), -1000)

    def test_integer_stays_an_integer(self):
        self.assertIs(type(value("7")), int)

    def test_float(self):
        self.assertEqual(value("2.5"), 2.5)

    def test_exponent(self):
        self.assertEqual(value("1e3"), 1000.0)

    def test_hexadecimal(self):
        self.assertEqual(value("0xff"), 255)

    def test_binary(self):
        self.assertEqual(value("0b101"), 5)

    def test_nonsense(self):
        with self.assertRaisesRegex(SyntaxProblem, "^line 1, column 5: 'yes' is not a value$"):
            value("yes")

    def test_nothing(self):
        with self.assertRaisesRegex(SyntaxProblem, "^line 1, column 5: expected a value$"):
            value("")


class Arrays(unittest.TestCase):
    def test_empty(self):
        self.assertEqual(value("[]"), [])

    def test_mixed(self):
        self.assertEqual(value('[1, "a", true]'), [1, "a", True])

    def test_nested(self):
        self.assertEqual(value("[[1], [2, 3]]"), [[1], [2, 3]])

    def test_lines_comments_and_a_last_comma(self):
        self.assertEqual(value("[\n  1, # one\n  2,\n]"), [1, 2])

    def test_missing_comma(self):
        with self.assertRaisesRegex(SyntaxProblem, "^line 1, column 8: expected ',', found '2'$"):
            value("[1 2]")

    def test_unclosed(self):
        with self.assertRaisesRegex(SyntaxProblem, "expected ',', found the end$"):
            value("[1")


class Inline(unittest.TestCase):
    def test_empty(self):
        self.assertEqual(value("{}"), {})

    def test_pairs(self):
        self.assertEqual(value("{ a = 1, b = [2] }"), {"a": 1, "b": [2]})

    def test_inside_an_array(self):
        self.assertEqual(value("[{a=1},{a=2}]"), [{"a": 1}, {"a": 2}])

    def test_needs_an_equals_sign(self):
        with self.assertRaisesRegex(SyntaxProblem, "expected '=', found '1'"):
            value("{ a 1 }")

    def test_twice(self):
        with self.assertRaisesRegex(DuplicateKey, "key `a` is given twice"):
            value("{ a = 1, a = 2 }")

    def test_needs_a_comma(self):
        with self.assertRaisesRegex(SyntaxProblem, "expected ',', found 'b'"):
            value("{ a = 1 b = 2 }")
