from unittest import TestCase

from wordkit import closest, distance, ratio, similarity


class Distance(TestCase):
    def test_equal(self):
        self.assertEqual(distance("abc", "abc"), 0)

    def test_substitute(self):
        self.assertEqual(distance("cat", "cut"), 1)

    def test_insert_and_delete(self):
        self.assertEqual(distance("cat", "cart"), 1)
        self.assertEqual(distance("cart", "cat"), 1)

    def test_swap(self):
        self.assertEqual(distance("form", "from"), 1)

    def test_swap_at_the_start(self):
        self.assertEqual(distance("ab", "ba"), 1)

    def test_apart_is_no_swap(self):
        self.assertEqual(distance("abc", "cba"), 2)

    def test_half_a_swap_is_none(self):
        self.assertEqual(distance("xab", "xbc"), 2)
        self.assertEqual(distance("ab", "ca"), 2)

    def test_empty(self):
        self.assertEqual(distance("", "abc"), 3)
        self.assertEqual(distance("abc", ""), 3)

    def test_sentence(self):
        self.assertEqual(distance("kitten", "sitting"), 3)


class Ratio(TestCase):
    def test_equal(self):
        self.assertEqual(ratio("ab", "ab"), 1.0)

    def test_half(self):
        self.assertEqual(ratio("ab", "acde"), 0.25)

    def test_nothing_in_common(self):
        self.assertEqual(ratio("ab", "xy"), 0.0)

    def test_empty(self):
        self.assertEqual(ratio("", ""), 1.0)


class Similarity(TestCase):
    def test_order_and_case(self):
        self.assertEqual(similarity("Red dog", "dog red"), 1.0)

    def test_repeats_count(self):
        self.assertEqual(similarity("a a b", "a"), 0.5)

    def test_nothing_shared(self):
        self.assertEqual(similarity("a", "b"), 0.0)

    def test_empty(self):
        self.assertEqual(similarity("", "!"), 1.0)


class Closest(TestCase):
    def test_best_first(self):
        self.assertEqual(closest("commit", ["comet", "commits", "zebra"]), ["commits", "comet"])

    def test_ties_by_alphabet(self):
        self.assertEqual(closest("cat", ["rat", "bat"]), ["bat", "rat"])

    def test_case_is_ignored(self):
        self.assertEqual(closest("CAT", ["cat"], least=1.0), ["cat"])

    def test_limit(self):
        self.assertEqual(closest("aa", ["aa", "ab"], limit=1, least=0.5), ["aa"])

    def test_three_by_default(self):
        self.assertEqual(len(closest("aaa", ["aab", "aac", "aad", "aae"])), 3)

    def test_least_is_included(self):
        self.assertEqual(closest("ab", ["ax", "xy"], least=0.5), ["ax"])
