"""A traceback as the page of a task shows it: the latest frames, with the last one of the user's code open."""

from collections.abc import Sequence

import msgspec

from lapinq_core.domain.tasks.diagnostics.traceback_text import Frame, Owner, Trace, read_traceback

MAX_FRAMES = 10
"""Frames of one exception that are shown at once. Recursion gives hundreds."""


class Stack(msgspec.Struct, frozen=True, kw_only=True):
    """The frames of an exception in text order: `earlier` folded as one, then `groups`.

    `last` is the innermost frame of the user's code among the shown ones, None if there is none.
    """

    trace: Trace
    earlier: Sequence[Frame]
    groups: Sequence["Group"]
    last: Frame | None


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive frames, all of the user's code or none."""

    is_users: bool
    frames: list[Frame]


def stacks_of(text: str) -> list[Stack]:
    """The exceptions of a traceback; none if the text is no traceback."""
    return [_stack(trace) for trace in read_traceback(text)]


def _stack(trace: Trace) -> Stack:
    users = [place for place, frame in enumerate(trace.frames) if frame.owner is Owner.USER]
    begin = max(len(trace.frames) - MAX_FRAMES, 0)
    if users and users[-1] < begin:
        begin = users[-1]  # libraries called each other deeply: its callees are one fold
    return Stack(
        trace=trace,
        earlier=trace.frames[:begin],
        groups=_groups(trace.frames[begin:]),
        last=trace.frames[users[-1]] if users else None,
    )


def last_frame(text: str) -> Frame | None:
    """The innermost frame of the user's code in the exception that was raised last; None if there is none."""
    for stack in reversed(stacks_of(text)):
        if stack.last is not None:
            return stack.last
    return None


def _groups(frames: Sequence[Frame]) -> list[Group]:
    groups: list[Group] = []
    for frame in frames:
        is_users = frame.owner is Owner.USER
        if not groups or groups[-1].is_users is not is_users:
            groups.append(Group(is_users=is_users, frames=[]))
        groups[-1].frames.append(frame)
    return groups
