from unittest import TestCase

from wordkit import initials, shorten, slugify, unique_slug


class Slugs(TestCase):
    def test_punctuation(self):
        self.assertEqual(slugify("  Hello, World! "), "hello-world")

    def test_accents(self):
        self.assertEqual(slugify("Caf\u00e9 d\u00e9j\u00e0"), "cafe-deja")

    def test_cut_at_a_word(self):
        self.assertEqual(slugify("one two three", longest=7), "one-two")
        self.assertEqual(slugify("one two three", longest=6), "one")

    def test_default_length(self):
        self.assertEqual(len(slugify("abcde " * 12)), 59)
        self.assertEqual(len(slugify("a" * 60)), 60)
        self.assertEqual(slugify("a" * 61), "")

    def test_stops_at_the_first_that_is_too_long(self):
        self.assertEqual(slugify("a bbbbbb c", longest=4), "a")

    def test_unique(self):
        self.assertEqual(unique_slug("A b", {"a"}), "a-b")

    def test_second(self):
        self.assertEqual(unique_slug("a", {"a"}), "a-2")

    def test_third(self):
        self.assertEqual(unique_slug("a", {"a", "a-2", "a-4"}), "a-3")

    def test_untitled(self):
        self.assertEqual(unique_slug("?", set()), "untitled")


class Shorten(TestCase):
    def test_fits(self):
        self.assertEqual(shorten("one  two", 7), "one two")

    def test_cut_at_a_word(self):
        self.assertEqual(shorten("one two three", 12), "one two...")

    def test_spaces_do_not_count(self):
        self.assertEqual(shorten("one   two   three", 12), "one two...")

    def test_cut_just_after_a_word(self):
        self.assertEqual(shorten("one two three", 10), "one two...")

    def test_cut_before_a_word(self):
        self.assertEqual(shorten("one two three", 11), "one two...")

    def test_single_long_word(self):
        self.assertEqual(shorten("abcdefgh", 5, mark="~"), "abcd~")

    def test_only_the_mark_fits(self):
        self.assertEqual(shorten("abcdefgh", 3), "...")

    def test_mark_too_long(self):
        with self.assertRaisesRegex(ValueError, r"^the mark '\.\.\.' does not fit into 2$"):
            shorten("abcdefgh", 2)


class Initials(TestCase):
    def test_two(self):
        self.assertEqual(initials("ada lovelace"), "AL")

    def test_three(self):
        self.assertEqual(initials("a b c"), "ABC")

    def test_the_last_is_kept(self):
        self.assertEqual(initials("a b c d"), "ABD")

    def test_limit(self):
        self.assertEqual(initials("a b c d", limit=2), "AD")
