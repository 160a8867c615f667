"""A child process ignores stop signals. Its forks get the usual handlers back."""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

from lapinq_worker.running.pools.child_side.time_limit_signal import TIME_LIMIT_SIGNAL

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_BLOCKED_SIGNALS = (*_STOP_SIGNALS, TIME_LIMIT_SIGNAL)

_masks = threading.local()


def leave_stopping_to_parent(forked: Callable[[], None]) -> None:
    """Call this once. `forked` is called in every fork of this process."""
    # Service managers signal all processes of a service, but the worker decides what happens to the running task.
    # Handlers, not SIG_IGN, which programs started by the task would inherit.
    for number in _STOP_SIGNALS:
        signal.signal(number, _ignore)
        signal.siginterrupt(number, False)
    # A signal waits until the fork has the usual handlers back.
    os.register_at_fork(after_in_child=forked)
    os.register_at_fork(
        before=_block_signals, after_in_parent=_unblock_signals, after_in_child=_stop_as_usual
    )


def _ignore(number: int, frame: FrameType | None) -> None:
    pass


def _block_signals() -> None:
    _masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED_SIGNALS)


def _unblock_signals() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _masks.before)


def _stop_as_usual() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(TIME_LIMIT_SIGNAL, signal.SIG_DFL)
    _unblock_signals()


FORK_HOOKS = frozenset(hook.__code__ for hook in (_block_signals, _unblock_signals, _stop_as_usual))
"""Python swallows exceptions raised in these."""
