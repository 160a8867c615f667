"""How graphs of tasks are folded until they can be drawn."""

import random
from collections.abc import Sequence

import pytest

from lapinq_api.dashboard.parts.workflow_page.folding import (
    MAX_CROSSED,
    MAX_FOLDS,
    MAX_IN_A_LAYER,
    Edges,
    FoldedGraph,
    folded,
)
from lapinq_core.workflows.reading import Node, NodeStatus


def node(place: int, name: str | None, status: NodeStatus = "completed") -> Node:
    return Node(str(place), f"{name}-{place}", status, name, "default", "cancel", None)


def graph(names: Sequence[str | None], edges: Edges) -> FoldedGraph:
    return folded([node(place, name) for place, name in enumerate(names)], edges)


def shown(found: FoldedGraph) -> list[str]:
    """The folds as words: the name, how many tasks, and in which layer."""
    return [f"{fold.task_name} {len(fold.nodes)} @{fold.layer}" for fold in found.folds]


@pytest.mark.parametrize(
    ("names", "edges", "expected"),
    [
        ("", [], []),
        ("abc", [(0, 1), (1, 2), (0, 2)], ["a 1 @0", "b 1 @1", "c 1 @2"]),
        # Four equal siblings are a fold, three are not.
        ("abbbbc", [(0, n) for n in range(1, 5)] + [(n, 5) for n in range(1, 5)], ["a 1 @0", "b 4 @1", "c 1 @2"]),
        ("abbb", [(0, 1), (0, 2), (0, 3)], ["a 1 @0", "b 1 @1", "b 1 @1", "b 1 @1"]),
        ("aaaa", [], ["a 4 @0"]),
        # Another name, another parent or another child is not equal.
        ("abbbbcccc", [(0, n) for n in range(1, 9)], ["a 1 @0", "b 4 @1", "c 4 @1"]),
        ("xabbbb", [(1, n) for n in range(2, 5)] + [(0, 5)], ["x 1 @0", "a 1 @0", *["b 1 @1"] * 4]),
        ("bbbbc", [(0, 4), (1, 4), (2, 4)], [*["b 1 @0"] * 4, "c 1 @1"]),
        # A task that was added later may have a parent with a greater id.
        ("abc", [(0, 2), (2, 1)], ["a 1 @0", "b 1 @2", "c 1 @1"]),
    ],
)  # fmt: skip
def test_equal_siblings_are_one(names: str, edges: Edges, expected: list[str]) -> None:
    found = graph(names, edges)
    assert shown(found) == expected
    assert not found.is_coarse


def test_deleted_tasks_are_siblings_too() -> None:
    assert shown(graph([None] * 5, [])) == ["None 5 @0"]


def test_a_fold_counts_its_statuses_and_edges_are_drawn_once() -> None:
    statuses: list[NodeStatus] = ["completed", "failed", "running", "completed"]
    nodes = [node(place, "a", status) for place, status in enumerate(statuses)]
    found = folded([*nodes, node(4, "b")], [(place, 4) for place in range(4)])
    assert found.edges == [(0, 1)]
    assert found.folds[0].counts == {"completed": 2, "failed": 1, "running": 1}


def test_too_many_pipelines_are_folded_by_layer_and_name() -> None:
    count = 5_000
    edges = [(place, place + 1) for place in range(0, 2 * count, 2)]
    found = graph("ab" * count, edges)
    assert shown(found) == [f"a {count} @0", f"b {count} @1"]
    assert found.edges == [(0, 1)]
    assert found.is_coarse


def test_a_long_chain_is_folded_by_several_layers() -> None:
    found = graph("a" * 10_000, [(place, place + 1) for place in range(9_999)])
    assert [len(fold.nodes) for fold in found.folds] == [32] * 312 + [16]
    assert len(found.edges) == 312


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("names", [3, 2_000])
def test_whatever_the_graph_no_task_is_lost_and_it_can_be_drawn(seed: int, names: int) -> None:
    drawn = random.Random(seed)
    count, reach = drawn.choice([(2_000, 20), (2_000, 1_900), (300, 5)])
    edges = sorted(
        {
            (drawn.randrange(max(0, child - reach), child), child)
            for child in range(1, count)
            for _ in range(3)
        }
    )
    found = graph([str(drawn.randrange(names)) for _ in range(count)], edges)
    assert sorted(int(one.id) for fold in found.folds for one in fold.nodes) == list(range(count))
    assert len(found.folds) <= MAX_FOLDS
    layers = [fold.layer for fold in found.folds]
    assert max(layers.count(layer) for layer in layers) <= MAX_IN_A_LAYER
    steps = [layers[child] - layers[parent] for parent, child in found.edges]
    assert min(steps) > 0
    assert sum(steps) <= MAX_CROSSED
