import unittest

from graphlet import Graph, condense, from_text, islands, strong_components

LOOPS = "a -> b -> c -> a\nc -> d\nd -> e -> d\nf -> d"


class Strong(unittest.TestCase):
    def test_groups(self):
        self.assertEqual(strong_components(from_text(LOOPS)), [["f"], ["a", "b", "c"], ["d", "e"]])

    def test_chain_in_order(self):
        self.assertEqual(strong_components(from_text("c -> b -> a")), [["c"], ["b"], ["a"]])

    def test_branches(self):
        self.assertEqual(
            strong_components(from_text("a -> b -> d\na -> c -> d -> b")), [["a"], ["c"], ["b", "d"]]
        )

    def test_single_loop(self):
        self.assertEqual(strong_components(Graph([("a", "a")])), [["a"]])

    def test_empty(self):
        self.assertEqual(strong_components(Graph()), [])


class Condense(unittest.TestCase):
    def test_edges_between_groups(self):
        self.assertEqual(list(condense(from_text(LOOPS)).edges()), [("f", "d+e", 1), ("a+b+c", "d+e", 1)])

    def test_nodes(self):
        self.assertEqual(list(condense(from_text(LOOPS))), ["f", "a+b+c", "d+e"])

    def test_lightest_edge(self):
        graph = from_text("a -> b -> a\na -> c : 8\nb -> c : 3")
        self.assertEqual(list(condense(graph).edges()), [("a+b", "c", 3)])


class Islands(unittest.TestCase):
    def test_largest_first(self):
        self.assertEqual(islands(from_text("z -> y\nb -> a\nc -> a")), [["a", "b", "c"], ["y", "z"]])

    def test_size_before_name(self):
        self.assertEqual(islands(from_text("a\nc -> b")), [["b", "c"], ["a"]])

    def test_equal_sizes_by_name(self):
        self.assertEqual(islands(from_text("q\np")), [["p"], ["q"]])

    def test_empty(self):
        self.assertEqual(islands(Graph()), [])
