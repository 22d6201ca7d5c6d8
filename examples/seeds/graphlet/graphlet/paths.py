"""Ways through a graph."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from typing import Iterator, Optional

from .graph import Graph, GraphError, MissingNode
from .order import topological


class NoPath(GraphError):
    """Two nodes with no way between them."""

    def __init__(self, start: str, goal: str) -> None:
        super().__init__(f"no path from {start} to {goal}")
        self.start = start
        self.goal = goal


def hops(graph: Graph, start: str) -> dict[str, int]:
    """Returns the fewest edges from `start` to each node it reaches."""
    reached = {start: 0}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for head in graph.successors(node):
            if head in reached:
                continue
            reached[head] = reached[node] + 1
            queue.append(head)
    return reached


def shortest_tree(graph: Graph, start: str) -> dict[str, tuple[int, Optional[str]]]:
    """Returns for each reached node its least weight and the node before it."""
    settled: dict[str, tuple[int, Optional[str]]] = {}
    heap: list[tuple[int, str, str]] = [(0, start, "")]
    while heap:
        total, node, before = heappop(heap)
        if node in settled:
            continue
        settled[node] = (total, before or None)
        for head in graph.successors(node):
            if head not in settled:
                heappush(heap, (total + graph.weight(node, head), head, node))
    return settled


def shortest_path(graph: Graph, start: str, goal: str) -> tuple[int, list[str]]:
    """Returns the least weight and the nodes of that way."""
    tree = shortest_tree(graph, start)
    if goal not in graph:
        raise MissingNode(goal)
    if goal not in tree:
        raise NoPath(start, goal)
    path = [goal]
    before = tree[goal][1]
    while before is not None:
        path.append(before)
        before = tree[before][1]
    return tree[goal][0], path[::-1]


def all_paths(graph: Graph, start: str, goal: str, longest: Optional[int] = None) -> Iterator[list[str]]:
    """Yields every way that visits no node twice, of at most `longest` edges."""
    stack = [[start]]
    while stack:
        path = stack.pop()
        if path[-1] == goal:
            yield path
            continue
        if longest is not None and len(path) > longest:
            continue
        for head in reversed(graph.successors(path[-1])):
            if head not in path:
                stack.append(path + [head])


def longest_chain(graph: Graph) -> tuple[int, list[str]]:
    """Returns the heaviest way through a graph without cycles: its critical path."""
    best: dict[str, tuple[int, list[str]]] = {}
    for node in topological(graph):
        weight, chain = 0, [node]
        for tail in graph.predecessors(node):
            candidate = best[tail][0] + graph.weight(tail, node)
            if candidate > weight:
                weight, chain = candidate, best[tail][1] + [node]
        best[node] = (weight, chain)
    return max(best.values(), key=lambda pair: pair[0], default=(0, []))
