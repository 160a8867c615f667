"""Places the boxes of a layered graph from left to right, and the lines between them.

Lines that cross a layer have a place of their own in it, so that they lead around its boxes. In each layer, the order
follows the neighbours' mean (the barycenter heuristic of Sugiyama), and so do the positions.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import msgspec

BOX_WIDTH, BOX_HEIGHT = 190, 46
_GAP_X, _GAP_Y = 54, 12
_LINE_HEIGHT = 6
_PASSES = 4
_MARGIN = 8


class Drawing(msgspec.Struct, frozen=True):
    """The left upper corner of each box, in the order of the layers that were given, and the lines as SVG paths."""

    width: float
    height: float
    boxes: Sequence[tuple[float, float]]
    lines: Sequence[str]


def drawing_of(layers: Sequence[int], edges: Sequence[tuple[int, int]]) -> Drawing:
    """Draws boxes, of which the layers are given, with lines that lead to higher layers."""
    layers = [*layers]
    count = len(layers)
    ways: list[list[int]] = []
    for parent, child in edges:
        way = [parent]
        for layer in range(layers[parent] + 1, layers[child]):
            way.append(len(layers))
            layers.append(layer)
        ways.append([*way, child])
    rows: defaultdict[int, list[int]] = defaultdict(list)
    for place, layer in enumerate(layers):
        rows[layer].append(place)
    before: defaultdict[int, list[int]] = defaultdict(list)
    after: defaultdict[int, list[int]] = defaultdict(list)
    for way in ways:
        for one, other in pairwise(way):
            after[one].append(other)
            before[other].append(one)
    heights = [BOX_HEIGHT if place < count else _LINE_HEIGHT for place in range(len(layers))]
    order = [rows[layer] for layer in sorted(rows)]
    middles = [0.0] * len(layers)
    for row in order:
        _place(row, middles, heights, list(range(len(row))))
    for number in range(2 * _PASSES):
        neighbours = after if number % 2 else before
        for row in reversed(order) if number % 2 else order:
            wished = {
                place: _mean([middles[one] for one in neighbours[place]], middles[place]) for place in row
            }
            row.sort(key=wished.__getitem__)
            _place(row, middles, heights, [wished[place] for place in row])
    top = min((middles[place] - heights[place] / 2 for place in range(len(layers))), default=0.0) - _MARGIN
    middles = [round(middle - top, 1) for middle in middles]
    lefts = [_MARGIN + layer * (BOX_WIDTH + _GAP_X) for layer in layers]
    return Drawing(
        width=max((left + BOX_WIDTH for left in lefts), default=0) + _MARGIN,
        height=max((middle + height / 2 for middle, height in zip(middles, heights, strict=True)), default=0)
        + _MARGIN,
        boxes=[(lefts[place], middles[place] - BOX_HEIGHT / 2) for place in range(count)],
        lines=[_path([(lefts[place], middles[place]) for place in way]) for way in ways],
    )


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _place(row: Sequence[int], middles: list[float], heights: Sequence[int], wished: Sequence[float]) -> None:
    """Sets the middles of a row as near to the wished ones as its order and the gaps allow.

    Where wishes are too close, neighbours become a block, which is placed at the mean of its wishes.
    """
    offsets = [0.0]
    for one, other in pairwise(row):
        offsets.append(offsets[-1] + (heights[one] + heights[other]) / 2 + _GAP_Y)
    blocks: list[tuple[float, int]] = []  # mean of wishes less offsets, and size
    for wish, offset in zip(wished, offsets, strict=True):
        mean, size = wish - offset, 1
        while blocks and blocks[-1][0] >= mean:
            earlier, many = blocks.pop()
            mean, size = (earlier * many + mean * size) / (many + size), many + size
        blocks.append((mean, size))
    at = 0
    for mean, size in blocks:
        for number in range(at, at + size):
            middles[row[number]] = mean + offsets[number]
        at += size


def _path(points: Sequence[tuple[float, float]]) -> str:
    """From the right side of the first box to the left side of the last, through the places between."""
    x, y = points[0]
    parts = [f"M{x + BOX_WIDTH} {y:g}"]
    for left, middle in points[1:]:
        bend = left - _GAP_X / 2
        parts.append(f"C{bend:g} {y:g} {bend:g} {middle:g} {left} {middle:g}h{BOX_WIDTH}")
        y = middle
    return "".join(parts).removesuffix(f"h{BOX_WIDTH}")
