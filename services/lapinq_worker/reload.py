"""`lapinq worker --reload`, for development: runs the worker as a child process, and restarts it when a file changes.

It watches the Python files from before the first start on, so a change that comes during a restart leads to another
restart. A worker that ends by itself, over a syntax error for example, starts again at the next change.
"""

import asyncio
import ctypes
import importlib.util
import logging
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence
from pathlib import Path

from watchfiles import Change, DefaultFilter, awatch  # pyright: ignore[reportUnknownVariableType]  # of trio, which isn't there
from watchfiles._rust_notify import WatchfilesRustInternalError

from lapinq_core.domain.errors import LapinqError
from lapinq_core.runtime.signals import StopSignals, stop_signals

FLAG = "--reload"
DEBOUNCE_MILLISECONDS = 400
GRACE_SECONDS = 2.0
HAND_BACK_SECONDS = 5.0
_PR_SET_PDEATHSIG = 1

log = logging.getLogger(__name__)


class CannotWatch(LapinqError):
    """The system does not let us watch files."""


def own_command() -> list[str]:
    """What this program was started with, without the flag."""
    return [sys.executable, *(argument for argument in sys.orig_argv[1:] if argument != FLAG)]


def places_to_watch(modules: Sequence[str]) -> list[Path]:
    """The working directory, and where the top-level packages of `modules` lie if that is elsewhere.

    Nothing is imported, for that would run the code that is about to change.
    """
    places = [Path.cwd()]
    for name in {module.partition(".")[0] for module in modules}:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            continue
        if spec is None:
            continue
        found = spec.submodule_search_locations or (
            [spec.origin] if spec.has_location and spec.origin else []
        )
        places += [path for each in found if (path := Path(each).resolve()).exists()]
    return [
        place
        for place in places
        if not any(place != other and place.is_relative_to(other) for other in places)
    ]


async def run_reloading(command: Sequence[str], places: Sequence[Path]) -> int:
    """Runs `command` again and again until a signal says to stop; answers the exit code of the last run."""
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it counts what we name
    changes = _Changes(places)
    watching = asyncio.create_task(changes.watch(), name="watch files")
    with stop_signals() as signals:
        try:
            await asyncio.sleep(0)  # it begins to watch
            log.info("reloads when a .py file changes in %s", ", ".join(map(str, places)))
            while not signals.asked.is_set():
                changes.forget()
                child = await asyncio.create_subprocess_exec(*command, preexec_fn=_dying_with_parent())
                code = await _run_until_change(child, signals, changes, watching)
                if code is not None:
                    return code
        finally:
            watching.cancel()
            await asyncio.wait([watching])
    return 0


class _Changes:
    """What changed since it was last forgotten."""

    def __init__(self, places: Sequence[Path]) -> None:
        self._places = places
        self._files: set[str] = set()
        self.some = asyncio.Event()

    async def watch(self) -> None:
        try:
            async for changes in awatch(
                *self._places,
                watch_filter=_PythonFiles(),
                ignore_permission_denied=True,
                debounce=DEBOUNCE_MILLISECONDS,
            ):
                self._files |= {path for _, path in changes}
                self.some.set()
        except (OSError, WatchfilesRustInternalError) as error:
            # Most likely there are more directories than fs.inotify.max_user_watches allows.
            raise CannotWatch(f"can't watch files for --reload: {error}") from error

    def forget(self) -> None:
        self._files.clear()
        self.some.clear()

    def __str__(self) -> str:
        names = sorted(os.path.relpath(path) for path in self._files)
        return f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else names[0]


class _PythonFiles(DefaultFilter):
    def __call__(self, change: Change, path: str) -> bool:
        if not super().__call__(change, path):
            return False
        if path.endswith(".py"):
            return True
        # What was put into a new directory before that was watched.
        return change is Change.added and Path(path).is_dir() and any(Path(path).rglob("*.py"))


async def _run_until_change(
    child: Process, signals: StopSignals, changes: _Changes, watching: asyncio.Task[None]
) -> int | None:
    """None when the child is gone and another is to be started, else the exit code of all."""
    ended = asyncio.create_task(child.wait())
    told = [asyncio.create_task(event.wait()) for event in (signals.asked, changes.some)]
    try:
        await asyncio.wait([ended, watching, *told], return_when=asyncio.FIRST_COMPLETED)
        if ended.done() and not signals.asked.is_set() and not watching.done():
            log.warning(
                "the worker ended with %s; it starts again when a file changes", _code(ended.result())
            )
            await asyncio.wait([watching, *told], return_when=asyncio.FIRST_COMPLETED)
            if signals.asked.is_set():
                return 0
    finally:
        for task in told:
            task.cancel()
    if signals.asked.is_set():
        return await _stop(child, ended, signals)
    await _replace(child, ended, f"{changes} changed" if changes.some.is_set() else "the watch ended")
    if watching.done():
        watching.result()
    return None


async def _stop(child: Process, ended: asyncio.Task[int], signals: StopSignals) -> int:
    # On a terminal it got the signal too. Both within moments are one to it.
    _send(child, signal.SIGTERM)
    insisted = asyncio.create_task(signals.insisted.wait())
    await asyncio.wait([ended, insisted], return_when=asyncio.FIRST_COMPLETED)
    if not ended.done():
        _send(child, signal.SIGTERM)
    insisted.cancel()
    return _code(await ended)


async def _replace(child: Process, ended: asyncio.Task[int], why: str) -> None:
    log.info("%s: restarting the worker", why)
    for number, seconds in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGTERM, HAND_BACK_SECONDS)):
        _send(child, number)
        await asyncio.wait([ended], timeout=seconds)
        if ended.done():
            return
    log.warning("the worker did not stop; killing it")
    _send(child, signal.SIGKILL)
    await ended


def _send(child: Process, number: signal.Signals) -> None:
    if child.returncode is None:
        try:
            child.send_signal(number)
        except ProcessLookupError:
            return


def _code(status: int) -> int:
    """As a shell tells it."""
    return status if status >= 0 else 128 - status


def _dying_with_parent() -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # found here: between fork and exec as little as possible may be done
    return lambda: prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
