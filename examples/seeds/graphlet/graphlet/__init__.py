"""Directed graphs with weighted edges."""

from .components import condense, islands, strong_components
from .graph import Graph, GraphError, MissingNode, from_text
from .order import CycleError, depths, find_cycle, layers, topological
from .paths import NoPath, all_paths, hops, longest_chain, shortest_path, shortest_tree

__all__ = [
    "CycleError",
    "Graph",
    "GraphError",
    "MissingNode",
    "NoPath",
    "all_paths",
    "condense",
    "depths",
    "find_cycle",
    "from_text",
    "hops",
    "islands",
    "layers",
    "longest_chain",
    "shortest_path",
    "shortest_tree",
    "strong_components",
    "topological",
]
