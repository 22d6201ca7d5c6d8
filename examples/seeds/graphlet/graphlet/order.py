"""Orders of graphs without cycles."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Optional

from .graph import Graph, GraphError


class CycleError(GraphError):
    """A graph that should have had no cycle."""

    def __init__(self, cycle: list[str]) -> None:
        super().__init__(" -> ".join(cycle))
        self.cycle = cycle


def find_cycle(graph: Graph) -> Optional[list[str]]:
    """Returns one cycle with its first node again at the end, or None."""
    finished: set[str] = set()
    for root in graph:
        if root in finished:
            continue
        trail = [root]
        branches = [iter(graph.successors(root))]
        while trail:
            node = next(branches[-1], None)
            if node is None:
                branches.pop()
                finished.add(trail.pop())
            elif node in trail:
                return trail[trail.index(node) :] + [node]
            elif node not in finished:
                trail.append(node)
                branches.append(iter(graph.successors(node)))
    return None


def topological(graph: Graph) -> list[str]:
    """Orders nodes so that edges lead forwards; among the free ones by name."""
    waiting = {node: len(graph.predecessors(node)) for node in graph}
    free = [node for node, count in waiting.items() if count == 0]
    heapify(free)
    ordered: list[str] = []
    while free:
        node = heappop(free)
        ordered.append(node)
        for head in graph.successors(node):
            waiting[head] -= 1
            if waiting[head] == 0:
                heappush(free, head)
    if len(ordered) < len(graph):
        raise CycleError(find_cycle(graph) or [])
    return ordered


def depths(graph: Graph) -> dict[str, int]:
    """Returns the number of edges on the longest way to each node."""
    found: dict[str, int] = {}
    for node in topological(graph):
        found[node] = max((found[tail] + 1 for tail in graph.predecessors(node)), default=0)
    return found


def layers(graph: Graph) -> list[list[str]]:
    """Groups nodes by depth: all of one layer may run at once."""
    levels = depths(graph)
    grouped: list[list[str]] = [[] for _ in range(max(levels.values(), default=-1) + 1)]
    for node in sorted(levels):
        grouped[levels[node]].append(node)
    return grouped
