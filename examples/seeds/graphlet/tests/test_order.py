import unittest

from graphlet import CycleError, Graph, GraphError, depths, find_cycle, from_text, layers, topological


class Cycles(unittest.TestCase):
    def test_none(self):
        self.assertIsNone(find_cycle(from_text("a -> b -> d\na -> c -> d")))

    def test_loop(self):
        self.assertEqual(find_cycle(Graph([("a", "a")])), ["a", "a"])

    def test_starts_where_it_closes(self):
        self.assertEqual(find_cycle(from_text("x -> a -> b -> c -> a")), ["a", "b", "c", "a"])

    def test_found_from_a_later_root(self):
        self.assertEqual(find_cycle(from_text("z\na -> b\nc -> d -> c")), ["c", "d", "c"])

    def test_found_behind_a_finished_node(self):
        self.assertEqual(find_cycle(from_text("a -> b\nb\nc -> b\nc -> d -> c")), ["c", "d", "c"])

    def test_node_names_of_several_letters(self):
        self.assertIsNone(find_cycle(from_text("ab -> a -> b\nab -> b")))
        self.assertEqual(find_cycle(from_text("ab -> a -> b -> a")), ["a", "b", "a"])

    def test_second_branch(self):
        self.assertEqual(find_cycle(from_text("a -> b\na -> c -> a")), ["a", "c", "a"])


class Topological(unittest.TestCase):
    def test_edges_lead_forwards(self):
        self.assertEqual(topological(from_text("c -> b -> a")), ["c", "b", "a"])

    def test_free_nodes_by_name(self):
        self.assertEqual(topological(from_text("z -> y\nb\na")), ["a", "b", "z", "y"])

    def test_waits_for_all(self):
        self.assertEqual(topological(from_text("a -> d\nb -> d\nd -> c")), ["a", "b", "d", "c"])

    def test_empty(self):
        self.assertEqual(topological(Graph()), [])

    def test_cycle(self):
        with self.assertRaises(CycleError) as caught:
            topological(from_text("s -> a -> b -> a"))
        self.assertEqual(str(caught.exception), "a -> b -> a")
        self.assertEqual(caught.exception.cycle, ["a", "b", "a"])

    def test_cycle_error_is_a_graph_error(self):
        self.assertTrue(issubclass(CycleError, GraphError))


class Levels(unittest.TestCase):
    GRAPH = "a -> b -> c\na -> c\nz"

    def test_depths(self):
        self.assertEqual(depths(from_text(self.GRAPH)), {"a": 0, "b": 1, "c": 2, "z": 0})

    def test_layers(self):
        self.assertEqual(layers(from_text(self.GRAPH)), [["a", "z"], ["b"], ["c"]])

    def test_layers_sort_by_name(self):
        self.assertEqual(layers(from_text("b\na")), [["a", "b"]])

    def test_no_layers(self):
        self.assertEqual(layers(Graph()), [])
