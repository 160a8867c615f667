"""Re-executes the running program in place: same process id, same command line, same environment.

For lapinq's own programs, when code that only the end of the process stops is blocking their event loop.
"""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn

from lapinq_core.runtime.signals import was_asked_to_stop

FLUSH_SECONDS = 0.5
REAP_SECONDS = 1.0

log = logging.getLogger(__name__)


def make_reexec(must_exit: Callable[[], bool] = was_asked_to_stop) -> Callable[[], NoReturn]:
    """A function that re-executes this program, from any thread; or exits, when `must_exit` says so.

    Call this at the start, in the directory the program was started in.
    """
    directory = os.getcwd()  # noqa: PTH109  # os.chdir takes it as it is

    def reexec() -> NoReturn:
        if must_exit():
            log.warning("all tasks are released after a request to stop: exiting")
            _flush()
            os._exit(0)
        log.warning("re-executing the program under the same process id")
        _flush()
        _reap()
        try:
            os.chdir(directory)
            # Signals that are blocked in this thread would stay blocked.
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # our own command line
        except OSError:
            log.exception("can't re-execute the program; exiting")
        os._exit(1)

    return reexec


def _flush() -> None:
    # The blocked thread may hold the lock of a stream.
    def flush() -> None:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()

    thread = threading.Thread(target=flush, daemon=True)
    thread.start()
    thread.join(FLUSH_SECONDS)


def _reap() -> None:
    """Killed children would stay as zombies of the new program, which does not know them."""
    give_up = time.monotonic() + REAP_SECONDS
    while time.monotonic() < give_up:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if ended == 0:
            time.sleep(0.02)
