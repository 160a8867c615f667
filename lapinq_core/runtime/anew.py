"""Begins the running program anew, in place: same process, same command line, same environment.

For programs of ours whose event loop is held up by code that nothing else can end.
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


def beginner(is_to_end: Callable[[], bool] = was_asked_to_stop) -> Callable[[], NoReturn]:
    """What begins this program anew, from any thread; or ends it, if it was told to stop: `is_to_end`.

    To be made at the start, from the directory the program was started in.
    """
    directory = os.getcwd()  # noqa: PTH109  # os.chdir takes it as it is

    def begin() -> NoReturn:
        if is_to_end():
            log.warning("told to stop, and everything is handed back: ending")
            _flush()
            os._exit(0)
        log.warning("beginning anew, in the same process")
        _flush()
        _reap()
        try:
            os.chdir(directory)
            # Signals that are blocked in this thread would stay blocked.
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # our own command line
        except OSError:
            log.exception("can't begin anew; ending")
        os._exit(1)

    return begin


def _flush() -> None:
    # The thread that is stuck may hold the lock of a stream.
    def flush() -> None:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()

    thread = threading.Thread(target=flush, daemon=True)
    thread.start()
    thread.join(FLUSH_SECONDS)


def _reap() -> None:
    """Children that were killed stay as zombies of the new program, which knows nothing of them."""
    give_up = time.monotonic() + REAP_SECONDS
    while time.monotonic() < give_up:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if ended == 0:
            time.sleep(0.02)
