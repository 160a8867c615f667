"""A task that a decorator registered in a module."""

from typing import Any

import msgspec

DEFAULTS = "__lapinq_defaults__"
"""The attribute of a decorated function with the options that its decorator sets for enqueueing, and its queue."""


class Registered(msgspec.Struct, frozen=True):
    """`queue_name` is where its calls go, None if that is unknown. `options` are those that its decorator sets."""

    task_name: str
    module_path: str
    queue_name: str | None
    options: dict[str, Any]
