"""Figures over time as a small line without axes: the paths of an SVG of 100 × 24, made by the server."""

from collections.abc import Sequence

import msgspec

WIDTH, HEIGHT = 100.0, 24.0
_MARGIN = 1.5
"""Room above and below, for the thickness of the line."""
_PEAK = 3.0
"""A few points that are more than this many times higher than the others are cut off, so that they don't flatten the
line."""


class Sparkline(msgspec.Struct, frozen=True):
    """`line` and `area` are paths, empty without figures. `low`, `high` and `last` are for the words beside it."""

    line: str
    area: str
    low: float
    high: float
    last: float


def sparkline(points: Sequence[float | None]) -> Sparkline | None:
    """The line through `points`, oldest first, from zero to the highest but for peaks. None without any figure.

    A point that is None is a gap: nothing was measured.
    """
    known = [point for point in points if point is not None]
    if not known:
        return None
    top = _top(sorted(known)) or 1.0
    line, area = list[str](), list[str]()
    for piece in _pieces(points):
        places = [f"{_x(at, len(points))} {_y(point, top)}" for at, point in piece]
        first, last = _x(piece[0][0], len(points)), _x(piece[-1][0], len(points))
        line.append(f"M{'L'.join(places)}" if len(places) > 1 else f"M{places[0]}h.01")
        area.append(f"M{first} {HEIGHT:g}L{'L'.join(places)}L{last} {HEIGHT:g}z")
    return Sparkline(line="".join(line), area="".join(area), low=min(known), high=max(known), last=known[-1])


def _top(ordered: Sequence[float]) -> float:
    usual = ordered[int(0.95 * (len(ordered) - 1))]
    return usual if 0 < _PEAK * usual < ordered[-1] else max(ordered[-1], 0.0)


def _pieces(points: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """Runs of points without a gap, each point with its place."""
    pieces = list[list[tuple[int, float]]]()
    is_open = False
    for at, point in enumerate(points):
        if point is not None:
            if not is_open:
                pieces.append([])
            pieces[-1].append((at, point))
        is_open = point is not None
    return pieces


def _x(at: int, count: int) -> str:
    return f"{WIDTH * at / max(count - 1, 1):.4g}"


def _y(point: float, top: float) -> str:
    return f"{_MARGIN + (HEIGHT - 2 * _MARGIN) * (1 - min(max(point, 0.0) / top, 1)):.4g}"
