"""Parts of a graph that hang together."""

from __future__ import annotations

from .graph import Graph
from .paths import hops


def _finish_order(graph: Graph) -> list[str]:
    """Returns nodes in the order in which a depth-first walk leaves them."""
    seen: set[str] = set()
    left: list[str] = []
    for root in graph:
        stack = [(root, False)]
        while stack:
            node, done = stack.pop()
            if done:
                left.append(node)
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                stack.extend((head, False) for head in graph.successors(node))
    return left


def strong_components(graph: Graph) -> list[list[str]]:
    """Groups nodes that reach each other; each group sorted, sources first."""
    turned = graph.reversed()
    assigned: set[str] = set()
    groups: list[list[str]] = []
    for root in reversed(_finish_order(graph)):
        if root in assigned:
            continue
        open_part = turned.subgraph(node for node in turned if node not in assigned)
        group = sorted(hops(open_part, root))
        assigned.update(group)
        groups.append(group)
    return groups


def condense(graph: Graph) -> Graph:
    """Returns the graph of strong components, each named by its nodes joined with `+`."""
    names: dict[str, str] = {}
    condensed = Graph()
    for group in strong_components(graph):
        label = "+".join(group)
        condensed.add(label)
        names.update((node, label) for node in group)
    for tail, head, weight in graph.edges():
        if names[tail] != names[head]:
            condensed.connect(names[tail], names[head], weight)
    return condensed


def islands(graph: Graph) -> list[list[str]]:
    """Groups nodes joined by edges of either direction; the largest group first."""
    both = graph.reversed()
    for tail, head, weight in graph.edges():
        both.connect(tail, head, weight)
    groups: list[list[str]] = []
    assigned: set[str] = set()
    for root in both:
        if root not in assigned:
            group = sorted(hops(both, root))
            assigned.update(group)
            groups.append(group)
    return sorted(groups, key=lambda group: (-len(group), group))
