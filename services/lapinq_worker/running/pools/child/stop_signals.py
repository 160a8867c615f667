"""Signals to stop, in a child process: it passes them over, and whatever it forks gets the usual handlers back."""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

from lapinq_worker.running.pools.child.time_limit_signal import TIME_LIMIT_SIGNAL

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_HELD_SIGNALS = (*_STOP_SIGNALS, TIME_LIMIT_SIGNAL)

_masks = threading.local()


def leave_stopping_to_parent(forked: Callable[[], None]) -> None:
    """To be called once. `forked` is called in every copy of this process."""
    # Service managers signal all processes of a service: the worker alone decides what becomes of the task that runs
    # here. Handlers and not SIG_IGN, which programs started by the task would inherit.
    for number in _STOP_SIGNALS:
        signal.signal(number, _pass_over)
        signal.siginterrupt(number, False)
    # Forks of the task get the usual handlers back; a signal that comes before they have them waits.
    os.register_at_fork(after_in_child=forked)
    os.register_at_fork(
        before=_hold_signals, after_in_parent=_let_signals_through, after_in_child=_stop_as_usual
    )


def _pass_over(number: int, frame: FrameType | None) -> None:
    pass


def _hold_signals() -> None:
    _masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_SIGNALS)


def _let_signals_through() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _masks.before)


def _stop_as_usual() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(TIME_LIMIT_SIGNAL, signal.SIG_DFL)
    _let_signals_through()


FORK_HOOKS = frozenset(hook.__code__ for hook in (_hold_signals, _let_signals_through, _stop_as_usual))
"""Exceptions raised in these would be swallowed."""
