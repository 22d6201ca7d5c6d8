import unittest

from graphlet import (
    CycleError,
    Graph,
    GraphError,
    MissingNode,
    NoPath,
    all_paths,
    from_text,
    hops,
    longest_chain,
    shortest_path,
    shortest_tree,
)

ROADS = "a -> b : 4\na -> c : 1\nc -> b : 2\nb -> d : 5\nx -> a : 1"


class Hops(unittest.TestCase):
    def test_fewest_edges(self):
        self.assertEqual(hops(from_text("a -> b -> c -> d\na -> c"), "a"), {"a": 0, "b": 1, "c": 1, "d": 2})

    def test_only_what_is_reached(self):
        self.assertEqual(hops(from_text("a -> b -> c"), "b"), {"b": 0, "c": 1})

    def test_cycle(self):
        self.assertEqual(hops(from_text("a -> b -> a"), "a"), {"a": 0, "b": 1})

    def test_unknown_start(self):
        with self.assertRaisesRegex(MissingNode, "^no node q$"):
            hops(Graph(), "q")


class Shortest(unittest.TestCase):
    def setUp(self):
        self.graph = from_text(ROADS)

    def test_tree(self):
        self.assertEqual(
            shortest_tree(self.graph, "a"), {"a": (0, None), "c": (1, "a"), "b": (3, "c"), "d": (8, "b")}
        )

    def test_settles_in_order_of_weight(self):
        self.assertEqual(list(shortest_tree(self.graph, "a")), ["a", "c", "b", "d"])

    def test_path(self):
        self.assertEqual(shortest_path(self.graph, "a", "d"), (8, ["a", "c", "b", "d"]))

    def test_path_to_itself(self):
        self.assertEqual(shortest_path(self.graph, "b", "b"), (0, ["b"]))

    def test_zero_weights(self):
        self.assertEqual(
            shortest_path(from_text("a -> b : 0\nb -> c : 0\na -> c : 1"), "a", "c"), (0, ["a", "b", "c"])
        )

    def test_names_of_several_letters(self):
        self.assertEqual(shortest_path(from_text("ab -> a -> b"), "ab", "b"), (2, ["ab", "a", "b"]))

    def test_ties_by_name(self):
        self.assertEqual(shortest_path(from_text("a -> z -> e\na -> b -> e"), "a", "e")[1], ["a", "b", "e"])

    def test_no_way(self):
        with self.assertRaises(NoPath) as caught:
            shortest_path(self.graph, "b", "x")
        self.assertEqual(str(caught.exception), "no path from b to x")
        self.assertEqual((caught.exception.start, caught.exception.goal), ("b", "x"))

    def test_unknown_goal(self):
        with self.assertRaisesRegex(MissingNode, "^no node q$"):
            shortest_path(self.graph, "a", "q")

    def test_unknown_start(self):
        with self.assertRaisesRegex(MissingNode, "^no node q$"):
            shortest_path(self.graph, "q", "a")

    def test_no_path_is_a_graph_error(self):
        self.assertTrue(issubclass(NoPath, GraphError))


class AllPaths(unittest.TestCase):
    def setUp(self):
        self.graph = from_text("a -> b -> d\na -> d\na -> c -> b\nb -> a")

    def test_in_order_of_edges(self):
        self.assertEqual(
            list(all_paths(self.graph, "a", "d")), [["a", "b", "d"], ["a", "d"], ["a", "c", "b", "d"]]
        )

    def test_limited(self):
        self.assertEqual(list(all_paths(self.graph, "a", "d", 2)), [["a", "b", "d"], ["a", "d"]])

    def test_limited_to_one(self):
        self.assertEqual(list(all_paths(self.graph, "a", "d", longest=1)), [["a", "d"]])

    def test_to_itself(self):
        self.assertEqual(list(all_paths(self.graph, "a", "a")), [["a"]])

    def test_none(self):
        self.assertEqual(list(all_paths(self.graph, "d", "a")), [])


class LongestChain(unittest.TestCase):
    def test_heaviest(self):
        self.assertEqual(longest_chain(from_text(ROADS)), (10, ["x", "a", "b", "d"]))

    def test_single_node(self):
        self.assertEqual(longest_chain(from_text("a")), (0, ["a"]))

    def test_first_of_equals(self):
        self.assertEqual(longest_chain(from_text("a -> b : 2\nc -> d : 2")), (2, ["a", "b"]))

    def test_first_way_of_equals(self):
        self.assertEqual(longest_chain(from_text("a -> c : 2\nb -> c : 2")), (2, ["a", "c"]))

    def test_empty(self):
        self.assertEqual(longest_chain(Graph()), (0, []))

    def test_cycle(self):
        with self.assertRaises(CycleError):
            longest_chain(from_text("a -> b -> a"))
