"""What differs between a failed run of a task and the last good one before it."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

import msgspec

from lapinq_api.credentials.payloads import PayloadView
from lapinq_api.dashboard.parts.task_page.payload import Payload, ShownValue
from lapinq_api.dashboard.parts.task_page.python_code import short_literal
from lapinq_core.lookup.good_run import GoodRun
from lapinq_core.lookup.task_detail import TaskDetail

MAX_CHANGES = 10
_ABSENT = "–"


class Change(msgspec.Struct, frozen=True):
    """A value that differs: an argument's name (`args[0]` if it is unknown), as it was and as it is. Both are short."""

    name: str
    good: str
    failed: str


class Difference:
    """Compares a failed task with `good`, for each audience by what it may see. `names` are those of the function's
    positional parameters, as far as they are known."""

    def __init__(self, failed: TaskDetail, good: GoodRun, names: Sequence[str] = ()) -> None:
        self.good = good
        self._names = names
        self.good_seconds = _seconds(good.task)
        self.failed_seconds = _seconds(failed)
        self._values = [_payload(failed), _payload(good.task)]

    @property
    def changes_release(self) -> bool:
        return self.good.release != self.good.failed_release

    def shown_to(self, payloads: PayloadView) -> list[Change] | None:
        """The arguments that differ, at most `MAX_CHANGES` and one more if there are more; None if one of the runs has
        too large ones."""
        failed, good = (_arguments(one.shown_to(payloads), self._names) for one in self._values)
        if failed is None or good is None:
            return None
        return changes_of(good, failed)[: MAX_CHANGES + 1]


def changes_of(good: Mapping[str, Any], failed: Mapping[str, Any]) -> list[Change]:
    """The names whose values differ, in the order of the failed run, then those that only the good one has."""
    names = [*failed, *(name for name in good if name not in failed)]
    return [
        Change(name, _short(good, name), _short(failed, name))
        for name in names
        if (name in good) != (name in failed) or good[name] != failed[name]
    ]


def _short(values: Mapping[str, Any], name: str) -> str:
    return short_literal(values[name]) if name in values else _ABSENT


def _payload(task: TaskDetail) -> Payload:
    return Payload(task.queue_name, {"args": task.args, "kwargs": task.kwargs})


def _arguments(shown: list[ShownValue], names: Sequence[str]) -> dict[str, Any] | None:
    """All arguments by name: positional ones without one as `args[0]`. None if they are not known as a whole."""
    found: dict[str, Any] = {}
    for one in shown:
        value = json.loads(one.text) if one.is_whole else None
        if isinstance(value, list):
            found |= {
                names[place] if place < len(names) else f"args[{place}]": each
                for place, each in enumerate(cast("list[Any]", value))
            }
        elif isinstance(value, dict):
            found |= cast("dict[str, Any]", value)
        else:
            return None
    return found


def _seconds(task: TaskDetail) -> float | None:
    if task.started_at is None or task.completed_at is None:
        return None
    return max((task.completed_at - task.started_at) / timedelta(seconds=1), 0.0)
