import unittest

from graphlet import Graph, GraphError, MissingNode, from_text


class Nodes(unittest.TestCase):
    def test_in_order_of_adding(self):
        self.assertEqual(list(Graph([("b", "c"), ("a", "b")])), ["b", "c", "a"])

    def test_add_is_harmless_twice(self):
        graph = Graph([("a", "b")])
        graph.add("a", "z")
        self.assertEqual((len(graph), graph.successors("a")), (3, ["b"]))

    def test_contains(self):
        self.assertIn("a", Graph([("a", "b")]))
        self.assertNotIn("c", Graph([("a", "b")]))

    def test_remove(self):
        graph = Graph([("a", "b"), ("b", "c"), ("c", "a")])
        graph.remove("b")
        self.assertEqual(list(graph.edges()), [("c", "a", 1)])
        self.assertEqual((graph.predecessors("c"), list(graph)), ([], ["a", "c"]))

    def test_remove_with_a_loop(self):
        graph = Graph([("a", "a"), ("a", "b")])
        graph.remove("a")
        self.assertEqual(list(graph), ["b"])

    def test_remove_leaves_other_loops(self):
        graph = Graph([("b", "b"), ("b", "a"), ("a", "c")])
        graph.remove("a")
        self.assertEqual(list(graph.edges()), [("b", "b", 1)])

    def test_remove_missing(self):
        with self.assertRaisesRegex(MissingNode, "^no node z$"):
            Graph().remove("z")


class Edges(unittest.TestCase):
    def setUp(self):
        self.graph = Graph()
        self.graph.connect("a", "b", 5)
        self.graph.connect("a", "c")

    def test_edges(self):
        self.assertEqual(list(self.graph.edges()), [("a", "b", 5), ("a", "c", 1)])

    def test_lightest_is_kept(self):
        self.graph.connect("a", "b", 7)
        self.assertEqual(self.graph.weight("a", "b"), 5)
        self.graph.connect("a", "b", 2)
        self.assertEqual(self.graph.weight("a", "b"), 2)

    def test_lightest_is_kept_when_turned(self):
        self.graph.connect("a", "b", 7)
        self.assertEqual(self.graph.reversed().weight("b", "a"), 5)

    def test_zero_weight(self):
        self.graph.connect("b", "c", 0)
        self.assertEqual(self.graph.weight("b", "c"), 0)

    def test_negative_weight(self):
        with self.assertRaisesRegex(GraphError, "^edge b -> c has the negative weight -1$"):
            self.graph.connect("b", "c", -1)

    def test_has_edge(self):
        self.assertTrue(self.graph.has_edge("a", "b"))
        self.assertFalse(self.graph.has_edge("b", "a"))
        self.assertFalse(self.graph.has_edge("z", "a"))
        self.assertFalse(self.graph.has_edge("a", "z"))

    def test_weight_of_no_edge(self):
        with self.assertRaisesRegex(GraphError, "^no edge b -> a$"):
            self.graph.weight("b", "a")
        with self.assertRaisesRegex(GraphError, "^no edge z -> a$"):
            self.graph.weight("z", "a")

    def test_disconnect(self):
        self.assertEqual(self.graph.disconnect("a", "b"), 5)
        self.assertEqual((self.graph.successors("a"), self.graph.predecessors("b")), (["c"], []))

    def test_disconnect_nothing(self):
        with self.assertRaisesRegex(GraphError, "^no edge b -> a$") as caught:
            self.graph.disconnect("b", "a")
        self.assertIs(type(caught.exception), GraphError)

    def test_successors_of_nothing(self):
        with self.assertRaises(MissingNode) as caught:
            self.graph.successors("z")
        self.assertEqual(caught.exception.node, "z")

    def test_predecessors(self):
        self.assertEqual(self.graph.predecessors("c"), ["a"])

    def test_predecessors_of_nothing(self):
        with self.assertRaises(MissingNode):
            self.graph.predecessors("z")

    def test_missing_node_is_a_lookup_error(self):
        self.assertTrue(issubclass(MissingNode, LookupError))


class Copies(unittest.TestCase):
    def setUp(self):
        self.graph = from_text("a -> b : 3\nb -> c : 4\nz")

    def test_reversed(self):
        turned = self.graph.reversed()
        self.assertEqual(list(turned.edges()), [("b", "a", 3), ("c", "b", 4)])
        self.assertEqual(list(turned), ["a", "b", "c", "z"])

    def test_subgraph(self):
        part = self.graph.subgraph(["c", "b", "z"])
        self.assertEqual((list(part), list(part.edges())), (["c", "b", "z"], [("b", "c", 4)]))


class Text(unittest.TestCase):
    def test_chain(self):
        self.assertEqual(list(from_text("a->b -> c").edges()), [("a", "b", 1), ("b", "c", 1)])

    def test_weight_of_a_line(self):
        self.assertEqual(list(from_text("a -> b -> c : 7").edges()), [("a", "b", 7), ("b", "c", 7)])

    def test_single_node_and_empty_lines(self):
        self.assertEqual(list(from_text("\n a \n\nb")), ["a", "b"])

    def test_missing_name(self):
        with self.assertRaisesRegex(GraphError, "^line 2 is not a chain of nodes: a ->$"):
            from_text("a\n a -> ")

    def test_bad_weight(self):
        with self.assertRaisesRegex(GraphError, "^line 1 is not a chain of nodes: a : x$"):
            from_text("a : x")
