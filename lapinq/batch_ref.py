"""What `batch_enqueue` returns. Imported with the first batch, because it needs httpx."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

import httpx

from lapinq._client.calling.answer import Answer, read_object
from lapinq.handle import TaskRef, enqueued

if TYPE_CHECKING:
    from collections.abc import Callable

    from lapinq._client.calling.transport import Reachable


class BatchRef(httpx.Response, Sequence[TaskRef]):
    """A ref for each task, in the order of the entries; none if the batch was refused.

    It is also the response to the request, as in the published client.
    """

    def __init__(
        self,
        answer: Answer,
        queue: Reachable,
        readers: Sequence[Callable[[str], Any] | None],
        *,
        is_async: bool,
    ) -> None:
        """`readers` are those of the entries' results, empty if none is known."""
        vars(self).update(vars(answer.as_response()))
        self._queue = queue
        self._is_async = is_async
        self._readers = readers
        body = read_object(answer) if answer.is_success else {}
        self.task_ids: list[str | None] = body.get("task_ids", [])
        self.existing: list[int] = body.get("existing", [])
        """The indexes of the tasks that were there before, because they hold a unique key."""
        self.replaced: list[int] = body.get("replaced", [])
        """The indexes of those of them that got the arguments and options of the entry."""

    @overload
    def __getitem__(self, index: int) -> TaskRef: ...
    @overload
    def __getitem__(self, index: slice) -> list[TaskRef]: ...
    def __getitem__(self, index: int | slice) -> TaskRef | list[TaskRef]:
        if isinstance(index, slice):
            return [self._ref(number) for number in range(len(self))[index]]
        return self._ref(range(len(self))[index])

    def __len__(self) -> int:
        return len(self.task_ids)

    def __repr__(self) -> str:
        return f"<BatchRef of {len(self)} tasks>" if self.is_success else f"<BatchRef {self.status_code}>"

    def _ref(self, number: int) -> TaskRef:
        reader = self._readers[number] if number < len(self._readers) else None
        flags = {"existing": number in self.existing, "replaced": number in self.replaced}
        answer = enqueued(self.task_ids[number], **flags)
        return TaskRef(answer, is_async=self._is_async, queue=self._queue, read_result=reader)
