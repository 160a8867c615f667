"""A task that a decorator registered in a module."""

from typing import Any

import msgspec

from lapinq_core.domain.annotations.task_parameter import TaskParameter

DEFAULTS = "__lapinq_defaults__"
"""The attribute of a decorated function with the options that its decorator sets for enqueueing, and its queue."""


class Registered(msgspec.Struct, frozen=True):
    """`queue_name` is where its calls go, None if that is unknown. `options` are those that its decorator sets.

    `parameters` is None if they are unknown, as with a worker of an earlier release. `version` is that of the function,
    None if it has none. `retry_delays` are those in seconds that its decorator plans, of which the last one repeats:
    empty if the task's options decide, None if that is unknown, as with a worker of an earlier release.
    """

    task_name: str
    module_path: str
    queue_name: str | None
    options: dict[str, Any]
    parameters: list[TaskParameter] | None = None
    version: str | None = None
    retry_delays: list[float] | None = None
