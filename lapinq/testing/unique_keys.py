"""Unique keys of the tasks in memory, held and met as in the database."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from lapinq_core.domain.ids import is_of_workflow
from lapinq_core.domain.tasks.state import FINAL, Status
from lapinq_core.domain.tasks.task import NewTask

if TYPE_CHECKING:
    from collections.abc import Callable

    from lapinq.testing.enqueued import EnqueuedTask

    Outcome = Literal["stored", "existing", "replaced", "rejected"]


class Meeting(NamedTuple):
    """What becomes of a new task: the task that is stored under its key, and how to undo what was changed."""

    outcome: Outcome
    holder: EnqueuedTask
    undo: Callable[[], None]


class _Held(NamedTuple):
    holder: EnqueuedTask
    until: str | datetime
    first_at: datetime | None


class UniqueKeys:
    def __init__(self) -> None:
        self._held: dict[tuple[str, str], _Held] = {}

    def meet(self, task: EnqueuedTask, now: datetime) -> Meeting:
        """Of a task with a key. If it is stored, a debounced one gets its time."""
        debounce = task.debounce
        due = task.scheduled_at if debounce is None else now + timedelta(seconds=debounce.delay)
        place = (task.queue_name, task.unique_key or "")
        before = self._held.get(place)
        if before is None or not _holds(before, now):
            task.scheduled_at = due
            self._held[place] = _Held(task, _until(task, now), None if debounce is None else now)
            return Meeting("stored", task, lambda: self._put_back(place, before))
        on_conflict = "replace" if task.unique is None else task.unique.on_conflict
        if on_conflict == "reject":
            return Meeting("rejected", before.holder, _nothing)
        is_fixed = before.holder.status is not Status.PENDING or is_of_workflow(before.holder.id)
        if on_conflict == "return" or is_fixed:
            return Meeting("existing", before.holder, _nothing)
        if debounce is not None:
            first_at = before.first_at or now
            self._held[place] = before._replace(first_at=first_at)
            if due is not None and debounce.max_wait is not None:
                due = min(due, first_at + timedelta(seconds=debounce.max_wait))
        undo_change = _change(before.holder, task, due)

        def undo() -> None:
            undo_change()
            self._put_back(place, before)

        return Meeting("replaced", before.holder, undo)

    def _put_back(self, place: tuple[str, str], before: _Held | None) -> None:
        if before is None:
            self._held.pop(place, None)
        else:
            self._held[place] = before


_KEPT = {"id", "queue_name", "unique", "debounce"}


def _change(holder: EnqueuedTask, task: EnqueuedTask, due: datetime | None) -> Callable[[], None]:
    """Gives the holder the arguments and options of the task. Returns how to undo that."""
    names = [name for name in NewTask.__struct_fields__ if name not in _KEPT]
    before: dict[str, Any] = {name: getattr(holder, name) for name in names}
    for name in names:
        setattr(holder, name, getattr(task, name))
    holder.scheduled_at = due

    def undo() -> None:
        for name, value in before.items():
            setattr(holder, name, value)

    return undo


def _until(task: EnqueuedTask, now: datetime) -> str | datetime:
    if task.unique is None:
        return "started"
    until = task.unique.until
    return until if isinstance(until, str) else now + timedelta(seconds=until)


def _holds(held: _Held, now: datetime) -> bool:
    match held.until:
        case "started":
            return held.holder.status is Status.PENDING and not held.holder.attempts
        case "finished":
            return held.holder.status not in FINAL
        case moment:
            assert isinstance(moment, datetime)
            return now < moment


def _nothing() -> None:
    """There is nothing to undo."""
