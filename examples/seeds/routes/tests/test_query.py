import unittest

from routes import decode, encode, parse_query
from routes.query import build_query


class Percent(unittest.TestCase):
    def test_encode(self):
        self.assertEqual(encode("a b/~"), "a%20b%2F~")

    def test_encode_keeps(self):
        self.assertEqual(encode("a/b c", keep="/"), "a/b%20c")

    def test_encode_unicode(self):
        self.assertEqual(encode("\u00e9"), "%C3%A9")

    def test_encode_small_bytes(self):
        self.assertEqual(encode("\t"), "%09")

    def test_decode(self):
        self.assertEqual(decode("a%20b%c3%A9"), "a b\u00e9")

    def test_digits_alone_are_no_escape(self):
        self.assertEqual(decode("a41 bcd"), "a41 bcd")

    def test_broken_escapes_stay(self):
        self.assertEqual(decode("%zz%4"), "%zz%4")
        self.assertEqual(decode("%4z"), "%4z")

    def test_plus(self):
        self.assertEqual((decode("a+b", plus=True), decode("a+b")), ("a b", "a+b"))

    def test_bad_bytes(self):
        self.assertEqual(decode("%ff"), "\ufffd")


class Queries(unittest.TestCase):
    def test_parse(self):
        self.assertEqual(parse_query("?a=1&b=x+y&a=%26"), {"a": ["1", "&"], "b": ["x y"]})

    def test_parse_without_values(self):
        self.assertEqual(parse_query("a&b=&=c&&d+e=1"), {"a": [""], "b": [""], "d e": ["1"]})

    def test_build_sorts(self):
        self.assertEqual(build_query({"b": "x y", "a": 1}), "?a=1&b=x%20y")

    def test_build_repeats_lists(self):
        self.assertEqual(build_query({"a b": ["1", "2"], "c": ("3",)}), "?a%20b=1&a%20b=2&c=3")

    def test_build_nothing(self):
        self.assertEqual(build_query({}), "")
