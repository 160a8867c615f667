"""Sets the clock of this process, and of the Python processes it starts, wrong by LAPINQ_TEST_CLOCK_SHIFT seconds.

Python imports a module of this name at its start; whoever starts a program puts this folder on its PYTHONPATH. What is
said of durations, `time.monotonic`, stays right, as it does on a machine whose clock is wrong.
"""

import ctypes
import datetime as dt
import gc
import os
import time
from typing import Any

_SHIFT = float(os.environ["LAPINQ_TEST_CLOCK_SHIFT"])
_time, _time_ns, _now = time.time, time.time_ns, dt.datetime.now


def _shifted_now(_cls: type, tz: dt.tzinfo | None = None) -> dt.datetime:
    return _now(tz) + dt.timedelta(seconds=_SHIFT)


def _shift() -> None:
    time.time = lambda: _time() + _SHIFT
    time.time_ns = lambda: _time_ns() + int(_SHIFT * 1e9)
    # The class is written in C and does not let itself be changed; a subclass in its place would be another type to
    # whoever decodes times.
    attributes: dict[str, Any] = gc.get_referents(dt.datetime.__dict__)[0]
    attributes["now"] = classmethod(_shifted_now)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(dt.datetime))


_shift()
