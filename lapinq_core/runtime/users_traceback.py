"""Formats an exception with the frames of the user's code, without those of the machinery around it."""

import os
import traceback
from pathlib import Path
from typing import Any, ClassVar

import lapinq_core


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
MAX_TEXTS = 1_000


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
    told = traceback.TracebackException.from_exception(error, compact=True)
    waiting: list[traceback.TracebackException | None] = [told]
    while waiting:
        one = waiting.pop()
        if one is not None:
            one.stack = _Frames(_users_frames(one.stack, above, between, below))
            waiting += [one.__cause__, one.__context__, *(one.exceptions or ())]
    return "".join(told.format())


class _Frames(traceback.StackSummary):
    """Remembers the text of the latest frames: to place its marks, Python parses the source of each frame again."""

    _texts: ClassVar[dict[tuple[object, ...], str]] = {}

    def format_frame_summary(self, frame_summary: traceback.FrameSummary, **options: Any) -> str:
        frame = frame_summary
        key = (
            frame.filename,
            frame.lineno,
            frame.end_lineno,
            frame.colno,
            frame.end_colno,
            frame.name,
            frame.line,
            *options.items(),
        )
        text = self._texts.get(key)
        if text is None:
            if len(self._texts) >= MAX_TEXTS:
                self._texts.clear()
            text = self._texts[key] = super().format_frame_summary(frame, **options)
        return text


def _users_frames(
    stack: traceback.StackSummary, above: tuple[str, ...], between: tuple[str, ...], below: tuple[str, ...]
) -> list[traceback.FrameSummary]:
    frames = list(stack)
    while frames and frames[0].filename.startswith(above):
        del frames[0]
    while frames and frames[-1].filename.startswith(below):
        del frames[-1]
    return [frame for frame in frames[:-1] if not frame.filename.startswith(between)] + frames[-1:]
