"""Formats an exception with the frames of the user's code, without those of the machinery around it."""

import os
import traceback
from pathlib import Path

import lapinq_core
from lapinq_core.runtime.known_places import PLACES, place_of


def files_in(folder: Path, *parts: str) -> str:
    """The beginning of the path of every file in the folder."""
    return os.path.join(folder, *parts, "")  # noqa: PTH118  # a path object drops the separator at the end


_CORE, _PYTHON = Path(lapinq_core.__file__).parent, Path(os.__file__).parent
LAPINQ = (files_in(_CORE), files_in(_CORE.parent, "lapinq"))
MACHINERY = (
    files_in(_CORE),
    files_in(_PYTHON, "asyncio"),
    files_in(_PYTHON, "importlib"),
    str(_PYTHON / "runpy.py"),
    "<frozen importlib.",
    "<frozen runpy>",
)
"""How the paths of files begin that call the user's code or import it."""


def users_traceback(
    error: BaseException,
    above: tuple[str, ...] = MACHINERY,
    between: tuple[str, ...] = (),
    below: tuple[str, ...] = (),
) -> str:
    """The traceback of the error, of its causes and of its members.

    Leaves out the frames above the user's code, among it and below it, by how the paths of their files begin. The last
    frame, which shows where it happened, is only left out if it is below the user's code. May raise what the methods of
    the exception raise.
    """
    place = place_of(error, above, between, below)
    frames = PLACES.frames_at(place)
    if frames is not None:
        return _HEADER + frames + _last_lines(error)
    told = traceback.TracebackException.from_exception(error, compact=True)
    waiting: list[traceback.TracebackException | None] = [told]
    while waiting:
        one = waiting.pop()
        if one is not None:
            one.stack = traceback.StackSummary.from_list(_users_frames(one.stack, above, between, below))
            waiting += [one.__cause__, one.__context__, *(one.exceptions or ())]
    if place is not None:
        PLACES.remember(place, "".join(told.stack.format()))
    return "".join(told.format())


_HEADER = "Traceback (most recent call last):\n"


def _last_lines(error: BaseException) -> str:
    """As `traceback` writes them, which takes ten times as long for an error without notes."""
    if getattr(error, "__notes__", None) is None:
        kind, text = type(error), str(error)
        name = kind.__qualname__
        if kind.__module__ not in {"builtins", "__main__"}:
            name = f"{kind.__module__}.{name}"
        return f"{name}: {text}\n" if text else f"{name}\n"
    ending = traceback.TracebackException(type(error), error, None, compact=True)
    return "".join(ending.format_exception_only())


def _users_frames(
    stack: traceback.StackSummary, above: tuple[str, ...], between: tuple[str, ...], below: tuple[str, ...]
) -> list[traceback.FrameSummary]:
    frames = list(stack)
    while frames and frames[0].filename.startswith(above):
        del frames[0]
    while frames and frames[-1].filename.startswith(below):
        del frames[-1]
    return [frame for frame in frames[:-1] if not frame.filename.startswith(between)] + frames[-1:]
