"""Counts failed and retried attempts by the shape of their error, until they are written to the error groups.

Tens of thousands of attempts may fail in a second, so they are counted by their whole error and traceback; a shape is
only made of an error that has not been counted since the last write.
"""

import asyncio
import time
from collections.abc import Iterable

from lapinq_core.domain.error_groups import OTHER_KIND
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.decide import Fail, Retry
from lapinq_core.error_groups.recording import Failures
from lapinq_core.error_groups.shapes import Shape, shape_of

MAX_ERRORS = 500
MAX_GROUPS = 500
"""Beyond it the errors of a task function are counted together."""
MAX_OTHER = 500
"""Queues and task names of which errors are counted together. Beyond it they are not counted."""
MAX_KNOWN = 1000
"""Groups that are remembered. Beyond it no further one counts as new."""

_OTHER = Shape(OTHER_KIND, OTHER_KIND, None, OTHER_KIND)

_Error = tuple[str, str, str, str | None]
_Group = tuple[str, str, str]


class FailureTally:
    """Bounded, however many attempts fail in however many ways.

    `due` is set by the first failure of a group, and by the first one after `is_idle`.
    """

    def __init__(self) -> None:
        self.due = asyncio.Event()
        self._is_idle = True
        self._known: set[_Group] = set()
        self._errors: dict[_Error, Failures] = {}
        self._groups: dict[_Group, Failures] = {}

    def ended(self, claim: Claim, following: Fail | Retry) -> None:
        """An attempt failed."""
        key = claim.queue_name, claim.task_name, following.error, following.traceback
        failures = self._errors.get(key)
        if failures is None:
            failures = self._noticed(key)
        if type(following) is Fail:
            failures.failed += 1
        else:
            failures.retried += 1
        failures.last = time.monotonic()
        failures.task_id = claim.id

    def take(self) -> list[Failures]:
        """The failures since the last call, one for each group. The caller may `give_back` them."""
        self.due.clear()
        self._group()
        taken, self._groups = self._groups, {}
        return list(taken.values())

    def is_idle(self) -> bool:
        """Whether there is nothing to take. Then the next failure is due, whatever its group."""
        self._is_idle = not (self._errors or self._groups)
        return self._is_idle

    def give_back(self, failures: Iterable[Failures]) -> None:
        """The next `take` returns these too."""
        for each in failures:
            self._add(each)

    def _noticed(self, key: _Error) -> Failures:
        queue, task_name, error, traceback = key
        if len(self._errors) >= MAX_ERRORS:
            self._group()
        shape = shape_of(error, traceback)
        group = queue, task_name, shape.text
        if group not in self._known and len(self._known) < MAX_KNOWN:
            self._known.add(group)
            self.due.set()
        if self._is_idle:
            self._is_idle = False
            self.due.set()
        failures = self._errors[key] = Failures(
            queue_name=queue,
            task_name=task_name,
            shape=shape,
            first=time.monotonic(),
            error=error,
            traceback=traceback,
        )
        return failures

    def _group(self) -> None:
        errors, self._errors = self._errors, {}
        for failures in errors.values():
            self._add(failures)

    def _add(self, failures: Failures) -> None:
        key = failures.queue_name, failures.task_name, failures.shape.text
        if key not in self._groups and len(self._groups) >= MAX_GROUPS:
            failures.shape = _OTHER
            key = failures.queue_name, failures.task_name, OTHER_KIND
        found = self._groups.get(key)
        if found is not None:
            found.add(failures)
        elif len(self._groups) < MAX_GROUPS + MAX_OTHER:
            self._groups[key] = failures
