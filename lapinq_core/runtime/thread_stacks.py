"""The stack of another thread at this moment."""

import sys
import traceback

_DEBUGGERS = {"bdb", "pdb", "debugpy", "pydevd", "_pydevd_bundle"}


def stack_of(thread: int) -> str:
    """The stack of the thread with that ident, formatted like a traceback."""
    frame = sys._current_frames().get(thread)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # documented
    return "".join(traceback.format_stack(frame)) if frame is not None else "an unknown place\n"


def is_debugged(thread: int) -> bool:
    """Whether the thread has stopped in a debugger."""
    frame = sys._current_frames().get(thread)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # documented
    while frame is not None:
        if str(frame.f_globals.get("__name__")).partition(".")[0] in _DEBUGGERS:
            return True
        frame = frame.f_back
    return False
