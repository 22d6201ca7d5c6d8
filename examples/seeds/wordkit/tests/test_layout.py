from unittest import TestCase

from wordkit import align, columns, justify, wrap


class Wrap(TestCase):
    def test_fits_exactly(self):
        self.assertEqual(wrap("aa bb cc", 5), ["aa bb", "cc"])

    def test_one_too_narrow(self):
        self.assertEqual(wrap("aa bb cc", 4), ["aa", "bb", "cc"])

    def test_long_words_are_chopped(self):
        self.assertEqual(wrap("abcdefg h", 3), ["abc", "def", "g h"])

    def test_indents(self):
        self.assertEqual(wrap("aa bb cc", 7, indent="* ", hanging="  "), ["* aa bb", "  cc"])

    def test_longer_indent_sets_the_room(self):
        self.assertEqual(wrap("abcdef", 4, indent="--"), ["--ab", "cd", "ef"])

    def test_nothing(self):
        self.assertEqual(wrap("  ", 4, indent="> "), [])

    def test_no_room(self):
        with self.assertRaisesRegex(ValueError, "^a width of 2 leaves no room for text$"):
            wrap("a", 2, indent="> ")

    def test_room_for_one(self):
        self.assertEqual(wrap("ab", 2, hanging=">"), ["a", ">b"])


class Justify(TestCase):
    def test_even_gaps(self):
        self.assertEqual(justify("a b c", 9), "a   b   c")

    def test_left_gaps_grow_first(self):
        self.assertEqual(justify("a b c d", 9), "a  b  c d")

    def test_already_full(self):
        self.assertEqual(justify("a b", 3), "a b")

    def test_single_word(self):
        self.assertEqual(justify(" word ", 9), "word")

    def test_too_long(self):
        with self.assertRaisesRegex(ValueError, "^the line does not fit into 4$"):
            justify("ab cd", 4)


class Align(TestCase):
    def test_left_is_the_default(self):
        self.assertEqual(align("ab", 4), "ab  ")

    def test_right(self):
        self.assertEqual(align("ab", 4, "right", "."), "..ab")

    def test_centre_leans_left(self):
        self.assertEqual(align("ab", 5, "centre", "-"), "-ab--")

    def test_centre_of_an_even_rest(self):
        self.assertEqual(align("ab", 8, "centre", "-"), "---ab---")

    def test_too_long_is_kept(self):
        self.assertEqual(align("abcd", 3, "right"), "abcd")

    def test_unknown(self):
        with self.assertRaisesRegex(ValueError, "^cannot align 'top'$"):
            align("a", 1, "top")


class Columns(TestCase):
    def test_widths(self):
        self.assertEqual(columns([["a", "bbb"], ["cc", "d"]]), ["a   bbb", "cc  d"])

    def test_numbers_align_right(self):
        self.assertEqual(columns([["a", "1"], ["b", "10"]], gap=1, numeric=[1]), ["a  1", "b 10"])

    def test_ragged(self):
        self.assertEqual(columns([["a"], ["bb", "c"]]), ["a", "bb  c"])

    def test_no_rows(self):
        self.assertEqual(columns([]), [])
