"""The chart of the fairness measurement: waits on a logarithmic scale, and the shares of weighted floods over time."""

import math
from collections.abc import Mapping, Sequence

from tests.bench.run.figures import Figure, number
from tests.bench.run.svg import WIDTH, text

WAITS = "wait beside a flood, "
SHARES = "share of the starts of three floods, weight "
SUMMARIES = ("p50", "p99", "longest")

_ROW, _HEAD, _LABELS, _VALUES = 24, 34, 340, 110
_HEIGHT, _BOTTOM, _LEFT, _RIGHT = 180, 26, 56, 110

_STYLE = """<style>
  .due { stroke: #59636e; stroke-dasharray: 3 4; } polyline { fill: none; stroke-width: 1.5; }
  .line0 { stroke: #0969da; } .line1 { stroke: #8250df; } .line2 { stroke: #bc4c00; }
  .label0 { fill: #0969da; } .label1 { fill: #8250df; } .label2 { fill: #bc4c00; }
  @media (prefers-color-scheme: dark) {
    .due { stroke: #9198a1; } .line0 { stroke: #4493f8; } .line1 { stroke: #ab7df8; } .line2 { stroke: #db6d28; }
    .label0 { fill: #4493f8; } .label1 { fill: #ab7df8; } .label2 { fill: #db6d28; }
  }
</style>"""


def panels(metrics: Mapping[str, Sequence[Figure]], top: int) -> tuple[int, list[str]]:
    """Where they end, and their parts; none without figures."""
    waits = {name: sides[0] for name, sides in metrics.items() if name.startswith(WAITS)}
    shares = {name: sides[0] for name, sides in metrics.items() if name.startswith(SHARES)}
    y, body = top, list[str]()
    for draw, figures in ((_waits, waits), (_shares, shares)):
        if figures:
            y, lines = draw(y, figures)
            body += lines
    return y, [_STYLE, *body] if body else []


def _waits(top: int, figures: Mapping[str, Figure]) -> tuple[int, list[str]]:
    """A bar from 1 ms for each, three to an order."""
    highest = math.ceil(math.log10(max(one.median for one in figures.values())))
    scale = (WIDTH - _LABELS - _VALUES) / highest
    lines = [
        text(
            16,
            top + 16,
            "wait of a small tenant's task beside a million of one key; less is better",
            "text title",
        )
    ]
    y = top + _HEAD
    bottom = y + _ROW * len(figures)
    for power in range(highest + 1):
        x = _LABELS + power * scale
        label = f"{10**power:,} ms" if power < 3 else f"{10 ** (power - 3):,} s"
        lines += [
            f'<line class="axis" x1="{x:.0f}" y1="{y - 4}" x2="{x:.0f}" y2="{bottom}"/>',
            text(round(x), bottom + 14, label, "faint small", anchor="middle"),
        ]
    for name, one in figures.items():
        order, _, summary = name.removeprefix(WAITS).rpartition(", ")
        label = f"{order}, p50" if summary == SUMMARIES[0] else summary
        width = max(0.0, math.log10(max(one.median, 1))) * scale
        kind = "other" if "priority" in order else "ours"
        value = f"{number(one.median)} ms" if one.median < 1000 else f"{number(one.median / 1000)} s"
        lines += [
            text(_LABELS - 8, y + 13, label, "text", anchor="end"),
            f'<rect class="{kind}" x="{_LABELS}" y="{y}" width="{width:.1f}" height="18" rx="2"/>',
            text(round(_LABELS + width + 8), y + 13, value, "text"),
        ]
        y += _ROW
    return bottom + _BOTTOM + 14, lines


def _shares(top: int, figures: Mapping[str, Figure]) -> tuple[int, list[str]]:
    """A line for each weight, second by second, and a dashed one where it should be."""
    title = "share of the starts of three floods by weight, second by second; dashed: the weight's share"
    lines = [text(16, top + 16, title, "text title")]
    y = top + _HEAD
    weights = {name: float(name.removeprefix(SHARES)) for name in figures}
    right = WIDTH - _RIGHT

    def height(share: float) -> float:
        return y + _HEIGHT * (1 - share / 100)

    for share in (0, 25, 50, 75, 100):
        lines += [
            f'<line class="axis" x1="{_LEFT}" y1="{height(share):.1f}" x2="{right}" y2="{height(share):.1f}"/>',
            text(_LEFT - 8, round(height(share)) + 4, f"{share} %", "faint small", anchor="end"),
        ]
    for place, (name, one) in enumerate(figures.items()):
        step = (right - _LEFT) / max(1, len(one.values) - 1)
        points = " ".join(
            f"{_LEFT + number * step:.1f},{height(share):.1f}" for number, share in enumerate(one.values)
        )
        due = height(100 * weights[name] / sum(weights.values()))
        lines += [
            f'<path class="due" d="M{_LEFT} {due:.1f}H{right}"/>',
            f'<polyline class="line{place}" points="{points}"/>',
            text(right + 8, round(due) + 4, f"weight {weights[name]:g}", f"label{place}"),
        ]
    bottom = y + _HEIGHT
    seconds = max(len(one.values) for one in figures.values())
    lines += [
        text(_LEFT, bottom + 16, "0 s", "faint small", anchor="middle"),
        text(right, bottom + 16, f"{seconds} s", "faint small", anchor="middle"),
    ]
    return bottom + _BOTTOM + 8, lines
