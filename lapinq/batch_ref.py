"""What `batch_enqueue` returns. Imported with the first batch, because it needs httpx."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

import httpx

from lapinq._client.calling.answer import Answer, read_object
from lapinq.handle import TaskRef, enqueued

if TYPE_CHECKING:
    from lapinq._client.calling.transport import Reachable


class BatchRef(httpx.Response, Sequence[TaskRef]):
    """A ref for each task, in the order of the entries; none if the batch was refused.

    It is also the response to the request, as in the published client.
    """

    def __init__(self, answer: Answer, queue: Reachable, *, is_async: bool) -> None:
        vars(self).update(vars(answer.as_response()))
        self._queue = queue
        self._is_async = is_async
        self.task_ids: list[str | None] = read_object(answer).get("task_ids", []) if answer.is_success else []

    @overload
    def __getitem__(self, index: int) -> TaskRef: ...
    @overload
    def __getitem__(self, index: slice) -> list[TaskRef]: ...
    def __getitem__(self, index: int | slice) -> TaskRef | list[TaskRef]:
        if isinstance(index, slice):
            return [self._ref(task_id) for task_id in self.task_ids[index]]
        return self._ref(self.task_ids[index])

    def __len__(self) -> int:
        return len(self.task_ids)

    def __repr__(self) -> str:
        return f"<BatchRef of {len(self)} tasks>" if self.is_success else f"<BatchRef {self.status_code}>"

    def _ref(self, task_id: str | None) -> TaskRef:
        return TaskRef(enqueued(task_id), is_async=self._is_async, queue=self._queue)
