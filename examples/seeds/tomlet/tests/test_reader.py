import unittest

from tomlet import SyntaxProblem
from tomlet.reader import Reader


class Cursor(unittest.TestCase):
    def test_peek_at_the_end(self):
        self.assertEqual(Reader("").peek, "")

    def test_take(self):
        reader = Reader("ab")
        self.assertEqual((reader.take(), reader.peek, reader.at), ("a", "b", 1))

    def test_take_at_the_end(self):
        with self.assertRaisesRegex(SyntaxProblem, "^line 1, column 1: the text ends too early$"):
            Reader("").take()

    def test_place_counts_from_one(self):
        self.assertEqual(Reader("ab").place(), (1, 1))

    def test_place_after_a_line_end(self):
        reader = Reader("ab\ncd")
        reader.at = 4
        self.assertEqual(reader.place(), (2, 2))

    def test_accept(self):
        reader = Reader("abc")
        self.assertEqual((reader.accept("ab"), reader.accept("x"), reader.at), (True, False, 2))

    def test_take_while_may_take_nothing(self):
        self.assertEqual(Reader("abc").take_while(str.isdigit), "")

    def test_take_while_stops_at_the_end(self):
        self.assertEqual(Reader("12").take_while(str.isdigit), "12")

    def test_blanks_stay_on_the_line(self):
        reader = Reader(" \t\n x")
        reader.blanks()
        self.assertEqual(reader.at, 2)

    def test_empty_lines(self):
        reader = Reader(" # a\n\n\t# b\n  x")
        reader.empty_lines()
        self.assertEqual(reader.peek, "x")
