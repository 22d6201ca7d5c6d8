import unittest

from queryset import ParseError, Token, tokenize


def pairs(source):
    return [(token.kind, token.text) for token in tokenize(source)][:-1]


class Tokens(unittest.TestCase):
    def test_kinds(self):
        self.assertEqual(
            pairs("where a_1 >= 2.5"),
            [("keyword", "where"), ("name", "a_1"), ("operator", ">="), ("number", "2.5")],
        )

    def test_positions(self):
        self.assertEqual([token.at for token in tokenize(" ab  'c' 12")], [1, 5, 9, 11])
        self.assertEqual([token.at for token in tokenize("( <=")], [0, 2, 4])

    def test_end(self):
        self.assertEqual(list(tokenize("")), [Token("end", "", 0)])

    def test_keywords_in_any_case(self):
        self.assertEqual(pairs("AND Or"), [("keyword", "and"), ("keyword", "or")])

    def test_names_keep_their_case(self):
        self.assertEqual(pairs("Name _x a.b"), [("name", "Name"), ("name", "_x"), ("name", "a.b")])

    def test_string(self):
        self.assertEqual(pairs("'a b'"), [("string", "a b")])

    def test_empty_string(self):
        self.assertEqual(pairs("''x"), [("string", ""), ("name", "x")])

    def test_doubled_quote(self):
        self.assertEqual(pairs("'it''s'"), [("string", "it's")])

    def test_string_without_an_end(self):
        with self.assertRaisesRegex(ParseError, "^a string without an end at 2$"):
            pairs("a 'b")

    def test_operators_longest_first(self):
        self.assertEqual([text for _, text in pairs("<=<!=>>==")], ["<=", "<", "!=", ">", ">=", "="])

    def test_unexpected(self):
        with self.assertRaises(ParseError) as caught:
            pairs("a ? b")
        self.assertEqual((str(caught.exception), caught.exception.at), ("unexpected '?' at 2", 2))
