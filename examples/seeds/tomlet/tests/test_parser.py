import unittest

from tomlet import ConfigError, DuplicateKey, SyntaxProblem, loads


class Pairs(unittest.TestCase):
    def test_empty_document(self):
        self.assertEqual(loads(""), {})

    def test_comments_and_empty_lines(self):
        self.assertEqual(loads("# top\n\n  a = 1 # one\n\n#end"), {"a": 1})

    def test_windows_line_ends(self):
        self.assertEqual(loads("a = 1\r\nb = 2\r\n"), {"a": 1, "b": 2})

    def test_key_characters(self):
        self.assertEqual(loads("a-b_1 = 1"), {"a-b_1": 1})

    def test_quoted_key(self):
        self.assertEqual(loads('"a b" = 1'), {"a b": 1})

    def test_dotted_keys_share_a_table(self):
        self.assertEqual(loads("a.b = 1\na . c = 2"), {"a": {"b": 1, "c": 2}})

    def test_twice(self):
        with self.assertRaises(DuplicateKey) as caught:
            loads("a = 1\na = 2")
        self.assertEqual(str(caught.exception), "line 2, column 3: key `a` is given twice")

    def test_error_fields(self):
        with self.assertRaises(SyntaxProblem) as caught:
            loads("\n\nab 1")
        error = caught.exception
        self.assertEqual((error.problem, error.line, error.column), ("expected '=', found '1'", 3, 4))
        self.assertIs(type(error), SyntaxProblem)

    def test_no_key(self):
        with self.assertRaisesRegex(SyntaxProblem, "^line 1, column 1: expected a key$"):
            loads("= 1")

    def test_two_pairs_on_a_line(self):
        with self.assertRaisesRegex(
            SyntaxProblem, "^line 1, column 7: expected the end of the line, found 'b'$"
        ):
            loads("a = 1 b = 2")

    def test_value_is_not_a_table(self):
        with self.assertRaisesRegex(SyntaxProblem, "`a` is not a table"):
            loads("a = 1\na.b = 2")

    def test_errors_share_a_root(self):
        self.assertTrue(issubclass(DuplicateKey, ConfigError))


class Tables(unittest.TestCase):
    def test_header(self):
        self.assertEqual(loads("x = 0\n[a]\nx = 1\n[b]\nx = 2"), {"x": 0, "a": {"x": 1}, "b": {"x": 2}})

    def test_dotted_header(self):
        self.assertEqual(loads("[a.b]\nx = 1\n[a]\ny = 2"), {"a": {"b": {"x": 1}, "y": 2}})

    def test_blanks_in_a_header(self):
        self.assertEqual(loads("[ a . b ] # here\n"), {"a": {"b": {}}})

    def test_twice(self):
        with self.assertRaisesRegex(DuplicateKey, "^line 2, column 6: table `a.b` is given twice$"):
            loads("[a.b]\n[a.b]")

    def test_unclosed(self):
        with self.assertRaisesRegex(SyntaxProblem, "expected ']', found the end"):
            loads("[a")

    def test_value_in_the_way(self):
        with self.assertRaisesRegex(SyntaxProblem, "`a` is not a table"):
            loads("a = [1]\n[a.b]")

    def test_key_path_in_the_way(self):
        with self.assertRaisesRegex(DuplicateKey, "key `c` is given twice"):
            loads("a.b.c = 1\na.b.c = 2")

    def test_tables_then_a_value_in_an_array(self):
        with self.assertRaisesRegex(SyntaxProblem, "`a` is not a table"):
            loads("a = [{x = 1}, 2]\n[a.b]")

    def test_keys_may_repeat_a_parent(self):
        self.assertEqual(loads("a.b = 1\na.a = 2\nc.c.c = 3"), {"a": {"b": 1, "a": 2}, "c": {"c": {"c": 3}}})

    def test_empty_array_in_the_way(self):
        with self.assertRaisesRegex(SyntaxProblem, "`a` is not a table"):
            loads("a = []\n[a.b]")


class ArraysOfTables(unittest.TestCase):
    def test_each_header_adds_one(self):
        self.assertEqual(loads("[[a]]\nx = 1\n[[a]]\nx = 2"), {"a": [{"x": 1}, {"x": 2}]})

    def test_path(self):
        self.assertEqual(loads("[[ a.b ]]"), {"a": {"b": [{}]}})

    def test_sub_table_belongs_to_the_last(self):
        self.assertEqual(loads("[[a]]\n[[a]]\n[a.b]\nx = 1"), {"a": [{}, {"b": {"x": 1}}]})

    def test_sub_table_may_come_again(self):
        self.assertEqual(
            loads("[[a]]\n[a.b]\nx = 1\n[[a]]\n[a.b]\nx = 2"), {"a": [{"b": {"x": 1}}, {"b": {"x": 2}}]}
        )

    def test_sub_table_twice_in_one(self):
        with self.assertRaises(DuplicateKey):
            loads("[[a]]\n[a.b]\n[a.b]")

    def test_other_tables_stay_taken(self):
        with self.assertRaises(DuplicateKey):
            loads("[c]\n[[a]]\n[c]")

    def test_table_in_the_way(self):
        with self.assertRaisesRegex(DuplicateKey, "`a` is not an array of tables"):
            loads("[a]\n[[a]]")

    def test_value_deep_in_the_way(self):
        with self.assertRaisesRegex(DuplicateKey, "`b` is not an array of tables"):
            loads("a.b = 1\n[[a.b]]")

    def test_a_new_element_frees_only_its_own_tables(self):
        with self.assertRaisesRegex(DuplicateKey, "table `c.a` is given twice"):
            loads("[c.a]\n[[a]]\n[[a]]\n[c.a]")

    def test_unclosed(self):
        with self.assertRaisesRegex(SyntaxProblem, "^line 1, column 4: expected ']]', found ']'$"):
            loads("[[a]")
