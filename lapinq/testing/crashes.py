"""`crash_everywhere`: a durable task must end the same wherever it crashes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from lapinq.testing.runner import Inline
from lapinq_core.domain.errors import Suspend
from lapinq_core.domain.tasks.durable.messages import Spawn, Store, Wait
from lapinq_core.domain.tasks.state import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from lapinq.task import Task
    from lapinq.testing.enqueued import EnqueuedTask
    from lapinq.testing.runs import Run
    from lapinq_core.domain.tasks.durable.messages import Answer, Request

    Coming: TypeAlias = Callable[[Sequence[str]], Mapping[str, Any]]
    Signals: TypeAlias = Mapping[str, Any] | Coming


def crash_everywhere(
    task: Task[..., Any, Any], /, *args: Any, signals: Signals | None = None, **kwargs: Any
) -> EnqueuedTask:
    """Runs a call of `task` inline, then again for each of its steps and waits: with a crash right before it is stored,
    and with one right after. A crash is the death of the worker: it uses up a start. Each run begins with nothing
    stored.

    Sleeps and timeouts pass by themselves. `signals` has the values of the signals that come. It may be a function that
    gets the names of the signals for which the task waits, and returns the values of those that come.

    Returns the task of the run without a crash. Raises AssertionError, which names the step, if the task then ends
    otherwise, stores other steps, or runs a step again that was stored; TypeError for what is no task.
    """
    __tracebackhide__ = True
    if not hasattr(task, "queue"):
        raise TypeError(f"crash_everywhere() takes a task and the arguments of a call, not {task!r}")
    if signals is not None and not callable(signals) and not hasattr(signals, "keys"):
        raise TypeError(
            f"signals must be a dict of values by the names of signals, or a function, not {signals!r}"
        )
    undisturbed = _Course(None, signals).run(task, args, kwargs)
    if not undisturbed.points:
        raise AssertionError(f"{undisturbed.task} has no steps or waits at which it could crash")
    for point in undisturbed.points:
        for is_after in (False, True):
            course = _Course((point, is_after), signals).run(task, args, kwargs)
            if (difference := _difference(undisturbed, course)) is not None:
                where = f"{'after' if is_after else 'before'} {point}"
                raise AssertionError(f"{undisturbed.task}, if it crashes {where}, {difference}")
    return undisturbed.task


class _Point(NamedTuple):
    """When a step or wait is stored. Each attempt looks at a wait again until it is over: `before` says how often."""

    kind: str
    name: str
    occurrence: int
    before: int

    def __str__(self) -> str:
        nth = f" (occurrence {self.occurrence})" if self.occurrence else ""
        done = "was looked at again" if self.before else "was stored"
        return f"the {self.kind} {self.name!r}{nth} {done}"


class _Killed(Suspend):
    """Ends the function of an attempt whose worker has died."""


class _Course(Inline):
    """One run of the task to its end."""

    def __init__(self, crash: tuple[_Point, bool] | None, signals: Signals | None) -> None:
        """`crash` is where, and whether after that was stored."""
        super().__init__()
        self.points: list[_Point] = []
        self.repeated: list[_Point] = []
        self.has_crashed = False
        self._crash = crash
        self._coming: Coming = signals if callable(signals) else lambda _names: signals or {}
        self._seen: Counter[tuple[str, int]] = Counter()
        self._children: dict[str, int] = {}

    def run(self, task: Task[..., Any, Any], args: Any, kwargs: Any) -> _Course:
        with self.carrying():
            task.queue(*args, **kwargs)
            while self.task.status is Status.PENDING:
                if not self._send_a_signal():
                    self.pass_time(self.first)
        return self

    @property
    def task(self) -> EnqueuedTask:
        return self.first.task

    @property
    def ending(self) -> str:
        task = self.task
        said = task.result if task.status is Status.COMPLETED else task.error
        return self._without_ids(f"{task.status}: {said}")

    @property
    def steps(self) -> set[tuple[str, str, int, str | None, str | None]]:
        """All but their results."""
        return {
            (row.kind, self._without_ids(row.name), row.occurrence, row.outcome, row.taken)
            for row in self.first.steps.rows
        }

    def answer(self, run: Run, request: Request) -> Answer:
        if run is not self.first:
            return super().answer(run, request)
        if run.is_crashed:  # what runs beside
            raise _Killed
        if not isinstance(request, Store | Wait | Spawn):
            return super().answer(run, request)
        point = self._point(request)
        self.points.append(point)
        if (point, False) == self._crash:
            self._kill(run)
        if isinstance(request, Store) and run.steps.has(request.name, request.occurrence):
            self.repeated.append(point)
        answer = super().answer(run, request)
        if (point, True) == self._crash:
            self._kill(run)
        return answer

    def _point(self, request: Store | Wait | Spawn) -> _Point:
        if isinstance(request, Wait) and request.child is not None:
            self._children.setdefault(request.child, len(self._children) + 1)
        name = self._without_ids(request.name)
        self._seen[name, request.occurrence] += 1
        kind = "spawn" if isinstance(request, Spawn) else request.kind
        return _Point(kind, name, request.occurrence, self._seen[name, request.occurrence] - 1)

    def _kill(self, run: Run) -> None:
        self.has_crashed = run.is_crashed = True
        raise _Killed

    def _send_a_signal(self) -> bool:
        """To a task that waits for one that comes."""
        waits = ((run, wait) for run in self.suspended for wait in run.steps.waiting if wait.names)
        for run, wait in waits:
            values = self._coming(wait.names)
            if (name := next((name for name in wait.names if name in values), None)) is not None:
                self.tasks.signal(run.task, name, values[name])
                return True
        return False

    def _without_ids(self, text: str) -> str:
        """The same in each run: ids are not."""
        for task in self.tasks:
            text = text.replace(task.id, f"<{self._children.get(task.id, 'id')}>")
        return text


def _difference(undisturbed: _Course, course: _Course) -> str | None:
    """What a crash has changed."""
    if not course.has_crashed:
        return "does not come there: each run must have the same steps"
    if course.repeated:
        return f"runs again, though it was stored, {course.repeated[0]}"
    if course.ending != undisturbed.ending:
        return f"ends as {course.ending}\nwithout a crash it ends as {undisturbed.ending}"
    if course.steps != undisturbed.steps:
        more, fewer = course.steps - undisturbed.steps, undisturbed.steps - course.steps
        return f"has other steps\nonly then: {_listed(more)}\nonly without a crash: {_listed(fewer)}"
    return None


def _listed(steps: set[tuple[str, str, int, str | None, str | None]]) -> str:
    found = [
        f"{kind} {name!r}"
        + (f" (occurrence {occurrence})" if occurrence else "")
        + f", {outcome or 'waiting'}"
        for kind, name, occurrence, outcome, _ in sorted(steps, key=str)
    ]
    return "; ".join(found) or "none"
