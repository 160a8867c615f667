"""A profile as a flame graph: boxes as wide as their share of the time, each on the one that called it."""

from collections.abc import Sequence

import msgspec

from lapinq_core.domain.tasks.diagnostics.profile import WAITING, Frame, Profile
from lapinq_core.domain.tasks.diagnostics.traceback_text import Owner, owner_of

MIN_SHARE = 0.1
"""Percent of the width; narrower boxes are not drawn."""
MAX_BOXES = 1_500
MAX_FUNCTIONS = 50
ROOT = 0


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """A call: `place` is its number for links, `x` and `width` are percent. `is_around` if it only leads to the chosen
    one. `frame` is None for the whole attempt."""

    place: int
    frame: Frame | None
    samples: int
    depth: int
    x: float
    width: float
    is_around: bool

    @property
    def is_users(self) -> bool:
        return self.frame is not None and not self.is_waiting and owner_of(self.frame.file) is Owner.USER

    @property
    def is_waiting(self) -> bool:
        return self.frame == WAITING


class Flame(msgspec.Struct, frozen=True):
    """The boxes from the outermost call on, and the number of levels."""

    boxes: Sequence[Box]
    levels: int


class Function(msgspec.Struct, frozen=True):
    """How many samples met a function: at the end of a stack (`own`), and anywhere in it."""

    frame: Frame
    own: int
    total: int

    @property
    def is_waiting(self) -> bool:
        return self.frame == WAITING


class _Node:
    __slots__ = ("children", "frame", "parent", "samples")

    def __init__(self, frame: Frame | None, parent: int) -> None:
        self.frame = frame
        self.parent = parent
        self.samples = 0
        self.children: dict[int, int] = {}


def flame_of(profile: Profile, chosen: int = ROOT) -> Flame:
    """The graph of the call `chosen` with those that lead to it; of the whole attempt if there is no such call."""
    nodes = _tree(profile)
    if not ROOT < chosen < len(nodes):
        chosen = ROOT
    around: list[int] = []
    place = chosen
    while place != ROOT:
        place = nodes[place].parent
        around.insert(0, place)
    boxes = [
        Box(
            place=place,
            frame=nodes[place].frame,
            samples=nodes[place].samples,
            depth=depth,
            x=0.0,
            width=100.0,
            is_around=True,
        )
        for depth, place in enumerate(around)
    ]
    whole = max(nodes[chosen].samples, 1)
    waiting = [(chosen, len(around), 0.0)]
    while waiting and len(boxes) < MAX_BOXES:
        place, depth, x = waiting.pop()
        node = nodes[place]
        width = 100 * node.samples / whole
        if width < MIN_SHARE:
            continue
        boxes.append(
            Box(
                place=place,
                frame=node.frame,
                samples=node.samples,
                depth=depth,
                x=round(x, 3),
                width=round(width, 3),
                is_around=False,
            )
        )
        inner = x
        for child in sorted(node.children.values(), key=lambda child: (-nodes[child].samples, child)):
            waiting.append((child, depth + 1, inner))
            inner += 100 * nodes[child].samples / whole
    return Flame(boxes, max((box.depth for box in boxes), default=-1) + 1)


def functions_of(profile: Profile) -> list[Function]:
    """The functions with the most own time, at most `MAX_FUNCTIONS`."""
    own = [0] * len(profile.frames)
    total = [0] * len(profile.frames)
    for stack in profile.stacks:
        if stack.frames:
            own[stack.frames[-1]] += stack.samples
        for place in set(stack.frames):
            total[place] += stack.samples
    order = sorted(range(len(own)), key=lambda place: (-own[place], -total[place], place))
    return [
        Function(profile.frames[place], own[place], total[place])
        for place in order[:MAX_FUNCTIONS]
        if own[place]
    ]


def _tree(profile: Profile) -> list[_Node]:
    nodes = [_Node(None, ROOT)]
    for stack in profile.stacks:
        place = ROOT
        nodes[place].samples += stack.samples
        for frame in stack.frames:
            inner = nodes[place].children.get(frame)
            if inner is None:
                inner = nodes[place].children[frame] = len(nodes)
                nodes.append(_Node(profile.frames[frame], place))
            place = inner
            nodes[place].samples += stack.samples
    return nodes
