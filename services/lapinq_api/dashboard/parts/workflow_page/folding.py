"""Folds a graph of tasks until it can be drawn: many tasks become one box."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

import msgspec

from lapinq_core.workflows.reading import Node, NodeStatus

MAX_FOLDS = 400
MAX_IN_A_LAYER = 60
MAX_CROSSED = 4_000
"""Layers that all lines between folds cross together."""
MIN_SIBLINGS = 4
"""Fewer equal siblings are drawn one by one."""

Edges = Sequence[tuple[int, int]]
"""Pairs of parent and child, as positions in a list, ascending."""
_Neighbours = Sequence[Sequence[int]]


class Fold(msgspec.Struct, frozen=True):
    """Tasks that are drawn as one box, at least one of them."""

    nodes: Sequence[Node]
    layer: int
    counts: Mapping[NodeStatus, int]

    @property
    def task_name(self) -> str | None:
        """None if they have several, or were deleted."""
        names = {node.task_name for node in self.nodes}
        return names.pop() if len(names) == 1 else None


class FoldedGraph(msgspec.Struct, frozen=True):
    """The folds in the order of their first tasks, and the edges from layer to layer. With `is_coarse`, a fold may hold
    tasks with different parents and children."""

    folds: Sequence[Fold]
    edges: Edges
    is_coarse: bool


def folded(nodes: Sequence[Node], edges: Edges) -> FoldedGraph:
    """The graph with equal siblings folded: of one name, with the same parents and children.

    If that leaves too much to draw, tasks of one name in one layer are folded instead; then in two layers, four and so
    on; then tasks of all names.
    """
    parents: list[list[int]] = [[] for _ in nodes]
    children: list[list[int]] = [[] for _ in nodes]
    for parent, child in edges:
        parents[child].append(parent)
        children[parent].append(child)
    layers = _layers(parents, children)
    whole = _fold(nodes, edges, layers, _equal_siblings(nodes, parents, children), is_coarse=False)
    if whole is not None:
        return whole
    for by_name in (True, False):
        width = 1
        while width <= 2 * max(layers):
            bands = [layer // width for layer in layers]
            keys = [
                (band, node.task_name if by_name else None) for band, node in zip(bands, nodes, strict=True)
            ]
            coarse = _fold(nodes, edges, bands, keys, is_coarse=True)
            if coarse is not None:
                return coarse
            width *= 2
    return FoldedGraph([_fold_of(nodes, 0)], [], is_coarse=True)


def _layers(parents: _Neighbours, children: _Neighbours) -> list[int]:
    """The length of the longest way that leads to each node."""
    layers = [0] * len(parents)
    awaited = [len(above) for above in parents]
    reached = [place for place, count in enumerate(awaited) if not count]
    for place in reached:
        for child in children[place]:
            layers[child] = max(layers[child], layers[place] + 1)
            awaited[child] -= 1
            if not awaited[child]:
                reached.append(child)
    return layers


def _equal_siblings(nodes: Sequence[Node], parents: _Neighbours, children: _Neighbours) -> Sequence[Hashable]:
    around = [
        (node.task_name, tuple(above), tuple(below))
        for node, above, below in zip(nodes, parents, children, strict=True)
    ]
    sizes = Counter(around)
    return [key if sizes[key] >= MIN_SIBLINGS else place for place, key in enumerate(around)]


def _fold(
    nodes: Sequence[Node], edges: Edges, layers: Sequence[int], keys: Sequence[Hashable], *, is_coarse: bool
) -> FoldedGraph | None:
    """Folds nodes with equal keys, which are in one layer; None if that is too much to draw."""
    found: dict[Hashable, int] = {}
    fold_of = [found.setdefault(key, len(found)) for key in keys]
    layer_of = dict(zip(fold_of, layers, strict=True))
    if len(found) > MAX_FOLDS or max(Counter(layer_of.values()).values(), default=0) > MAX_IN_A_LAYER:
        return None
    between = {(fold_of[parent], fold_of[child]) for parent, child in edges}
    between = {(one, other) for one, other in between if layer_of[one] < layer_of[other]}
    if sum(layer_of[other] - layer_of[one] for one, other in between) > MAX_CROSSED:
        return None
    members: list[list[Node]] = [[] for _ in found]
    for node, fold in zip(nodes, fold_of, strict=True):
        members[fold].append(node)
    folds = [_fold_of(inside, layer_of[fold]) for fold, inside in enumerate(members)]
    return FoldedGraph(folds, sorted(between), is_coarse)


def _fold_of(nodes: Sequence[Node], layer: int) -> Fold:
    return Fold(nodes, layer, Counter(node.status for node in nodes))
