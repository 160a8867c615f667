"""Samples what a function spends its time on, from a thread beside it, while it runs in the main thread.

It looks at the stack of the main thread every few milliseconds. A thread gets the interpreter late while the function
is in C code that keeps it, so each look counts for all the time since the one before. Python code gives it up sooner
than usual: otherwise computing that is shorter than the switch interval would hardly be met. Nothing is hooked into the
function: a `TimeLimit` that is raised in it meets our code nowhere, and other profilers and debuggers work beside it.

While an event loop waits, the stack is that of the coroutines that wait, ended by `WAITING`. The loop's own frames are
left out.
"""

import sys
import threading
import time
from pathlib import Path
from types import CodeType, FrameType

import lapinq_core
from lapinq_core.domain.tasks.diagnostics.profile import MAX_STACKS, WAITING, Frame, collapsed, packed
from lapinq_core.domain.tasks.diagnostics.traceback_text import Owner, owner_of
from lapinq_worker.running.pools.child_side.awaited import LOOP, awaited, idle_task

INTERVAL_SECONDS = 0.005
_SWITCH_SECONDS = 0.0001
_MOST = 4 * MAX_STACKS
"""Distinct stacks in memory; further ones count as left out."""
_Stack = tuple[CodeType | None, ...]
"""Outermost first; None for `WAITING`."""
_LAPINQ = (str(Path(lapinq_core.__file__).parent), str(Path(__file__).parents[3]))


class Sampler:
    """Samples while its context lasts, which the main thread enters. `above` is the code that calls the function."""

    def __init__(self, above: frozenset[CodeType], interval: float = INTERVAL_SECONDS) -> None:
        self._above = above
        self._interval = interval
        self._main = threading.get_ident()
        self._counts: dict[_Stack, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="profile", daemon=True)
        self._began = 0.0
        self._until = 0.0
        self._switch = sys.getswitchinterval()

    def __enter__(self) -> None:
        self._began = time.perf_counter()
        sys.setswitchinterval(_SWITCH_SECONDS)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._until = time.perf_counter()
        self._stop.set()
        self._thread.join()
        sys.setswitchinterval(self._switch)

    def result(self) -> bytes:
        """The profile, as it is stored."""
        counts: dict[tuple[Frame, ...], int] = {}
        for stack, count in self._counts.items():
            named = tuple(map(_frame, _without_ours(stack)))
            counts[named] = counts.get(named, 0) + count
        return packed(collapsed(counts, interval=self._interval, seconds=self._until - self._began))

    def _run(self) -> None:
        last = time.perf_counter()
        while not self._stop.wait(self._interval):
            frame = sys._current_frames().get(self._main)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # documented
            now = time.perf_counter()
            stack = self._stack(frame)
            del frame
            if stack is None:
                last = now
                continue
            if stack not in self._counts and len(self._counts) >= _MOST:
                stack = ()
            self._counts[stack] = self._counts.get(stack, 0) + max(1, round((now - last) / self._interval))
            last = now

    def _stack(self, frame: FrameType | None) -> _Stack | None:
        """The code of the frames below those that call the function; None outside of the function."""
        task = None if frame is None else idle_task(frame)
        found: list[CodeType] = []
        while frame is not None:
            if frame.f_code in self._above:
                found.reverse()
                if task is not None and (chain := awaited(task)):
                    return (*_without_loop(found[:-1]), *chain, None)
                return tuple(_without_loop(found) or found) or None
            found.append(frame.f_code)
            frame = frame.f_back
        return None


def _without_loop(stack: list[CodeType]) -> list[CodeType]:
    """Without the event loop's frames around a coroutine."""
    return [code for code in stack if code not in LOOP]


def _without_ours(stack: _Stack) -> _Stack:
    """Without lapinq's own frames on top, such as those that read the arguments; all of them if there are no others."""
    for place, code in enumerate(stack):
        if code is None or not code.co_filename.startswith(_LAPINQ):
            return stack[place:]
    return stack


def _frame(code: CodeType | None) -> Frame:
    if code is None:
        return WAITING
    return Frame(code.co_qualname, _shown(code.co_filename), code.co_firstlineno)


def _shown(file: str) -> str:
    """A user's file below the folder from which Python imports it; others whole, as their path tells whose they are."""
    if owner_of(file) is not Owner.USER:
        return file
    folders = (folder.rstrip("/") + "/" for folder in sys.path if folder)
    longest = max((folder for folder in folders if file.startswith(folder)), key=len, default="")
    return file[len(longest) :]
