"""The graph itself."""

from __future__ import annotations

from typing import Iterable, Iterator


class GraphError(Exception):
    """Anything a graph refuses."""


class MissingNode(GraphError, LookupError):
    """A node that the graph does not have."""

    def __init__(self, node: str) -> None:
        super().__init__(f"no node {node}")
        self.node = node


class Graph:
    """Nodes by name, and at most one edge from one to another."""

    def __init__(self, edges: Iterable[tuple[str, str]] = ()) -> None:
        self._out: dict[str, dict[str, int]] = {}
        self._in: dict[str, dict[str, int]] = {}
        for tail, head in edges:
            self.connect(tail, head)

    def __len__(self) -> int:
        return len(self._out)

    def __contains__(self, node: str) -> bool:
        return node in self._out

    def __iter__(self) -> Iterator[str]:
        return iter(self._out)

    def add(self, *nodes: str) -> None:
        """Adds nodes; those already there stay as they are."""
        for node in nodes:
            self._out.setdefault(node, {})
            self._in.setdefault(node, {})

    def connect(self, tail: str, head: str, weight: int = 1) -> None:
        """Adds an edge and its nodes; of parallel edges the lightest is kept."""
        if weight < 0:
            raise GraphError(f"edge {tail} -> {head} has the negative weight {weight}")
        self.add(tail, head)
        lightest = min(weight, self._out[tail].get(head, weight))
        self._out[tail][head] = lightest
        self._in[head][tail] = lightest

    def disconnect(self, tail: str, head: str) -> int:
        """Removes an edge and returns its weight."""
        weight = self.weight(tail, head)
        del self._out[tail][head], self._in[head][tail]
        return weight

    def remove(self, node: str) -> None:
        """Removes a node with all its edges."""
        for head in self.successors(node):
            del self._in[head][node]
        for tail in self.predecessors(node):
            if tail != node:
                del self._out[tail][node]
        del self._out[node], self._in[node]

    def has_edge(self, tail: str, head: str) -> bool:
        """Says whether an edge leads from `tail` to `head`."""
        return tail in self._out and head in self._out[tail]

    def weight(self, tail: str, head: str) -> int:
        """Returns an edge's weight."""
        if not self.has_edge(tail, head):
            raise GraphError(f"no edge {tail} -> {head}")
        return self._out[tail][head]

    def successors(self, node: str) -> list[str]:
        """Returns where the edges of a node lead, in the order they were added."""
        if node not in self._out:
            raise MissingNode(node)
        return list(self._out[node])

    def predecessors(self, node: str) -> list[str]:
        """Returns where the edges into a node come from."""
        if node not in self._in:
            raise MissingNode(node)
        return list(self._in[node])

    def edges(self) -> Iterator[tuple[str, str, int]]:
        """Yields every edge as tail, head and weight."""
        for tail, heads in self._out.items():
            for head, weight in heads.items():
                yield tail, head, weight

    def reversed(self) -> Graph:
        """Returns a copy with every edge turned round."""
        turned = Graph()
        turned.add(*self)
        for tail, head, weight in self.edges():
            turned.connect(head, tail, weight)
        return turned

    def subgraph(self, nodes: Iterable[str]) -> Graph:
        """Returns the named nodes and the edges between them."""
        part = Graph()
        part.add(*nodes)
        for tail, head, weight in self.edges():
            if tail in part and head in part:
                part.connect(tail, head, weight)
        return part


def from_text(text: str) -> Graph:
    """Reads lines such as `a -> b -> c : 5`; the weight holds for each edge of its line."""
    graph = Graph()
    for number, line in enumerate(text.splitlines(), start=1):
        body, colon, weight = line.partition(":")
        if not body.strip():
            continue
        names = [name.strip() for name in body.split("->")]
        if not all(names) or (colon and not weight.strip().isdigit()):
            raise GraphError(f"line {number} is not a chain of nodes: {line.strip()}")
        graph.add(*names)
        for tail, head in zip(names, names[1:]):
            graph.connect(tail, head, int(weight) if colon else 1)
    return graph
