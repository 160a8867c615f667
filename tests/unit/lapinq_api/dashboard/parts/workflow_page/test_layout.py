"""Where the boxes of a graph stand, and how the lines lead."""

import itertools
import random
import re

import pytest

from lapinq_api.dashboard.parts.workflow_page.layout import BOX_HEIGHT, BOX_WIDTH, drawing_of


def test_layers_stand_from_left_to_right_and_a_fork_is_symmetric() -> None:
    drawing = drawing_of([0, 1, 1, 2], [(0, 1), (0, 2), (1, 3), (2, 3)])
    (left, y), (right, above), (also_right, below), (end, last) = drawing.boxes
    assert left < right == also_right < end
    assert (y, last) == ((above + below) / 2,) * 2
    assert drawing.lines[0].startswith(f"M{left + BOX_WIDTH} {y + BOX_HEIGHT / 2:g}C")
    assert drawing.lines[0].endswith(f"{right} {above + BOX_HEIGHT / 2:g}")


def test_a_line_leads_around_the_boxes_between() -> None:
    drawing = drawing_of([0, 1, 2], [(0, 1), (0, 2), (1, 2)])
    (_, between) = drawing.boxes[1]
    [middle] = re.findall(rf"([\d.]+)h{BOX_WIDTH}", drawing.lines[1])
    assert not between <= float(middle) <= between + BOX_HEIGHT


def test_neighbours_stand_beside_each_other() -> None:
    # Without an order by neighbours, all four lines would cross.
    drawing = drawing_of([0, 0, 0, 0, 1, 1, 1, 1], [(0, 7), (1, 6), (2, 5), (3, 4)])
    heights = [y for _, y in drawing.boxes]
    assert heights[:4] == heights[:3:-1]


def test_nothing_is_drawn_of_nothing() -> None:
    assert drawing_of([], []).boxes == []


@pytest.mark.parametrize("seed", range(6))
def test_boxes_never_overlap_and_stand_inside(seed: int) -> None:
    drawn = random.Random(seed)
    layers = [drawn.randrange(12) for _ in range(150)]
    pairs = itertools.product(range(150), repeat=2)
    edges = [(one, other) for one, other in pairs if layers[one] < layers[other] and drawn.random() < 0.02]
    drawing = drawing_of(layers, edges)
    assert len(drawing.lines) == len(edges)
    for (x, y), (other_x, other_y) in itertools.combinations(drawing.boxes, 2):
        assert x != other_x or abs(y - other_y) >= BOX_HEIGHT
    for x, y in drawing.boxes:
        assert 0 <= x <= drawing.width - BOX_WIDTH
        assert 0 <= y <= drawing.height - BOX_HEIGHT
