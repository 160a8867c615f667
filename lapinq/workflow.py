"""Building a workflow: a graph of tasks that is enqueued as a whole, at the end of a `with` block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NoReturn, ParamSpec, TypeVar, overload

from lapinq._client.entries.encoding import encode
from lapinq._client.entries.placeholder import Placeholder
from lapinq._client.workflows import NewGraph, asend_workflow, send_workflow
from lapinq.errors import NotEnqueued
from lapinq.handle import TaskRef, V, enqueued
from lapinq.task import Task
from lapinq.workflow_ref import WorkflowRef
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.nearest import did_you_mean
from lapinq_core.domain.tasks.task import check_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from typing import Protocol, Self, SupportsIndex

    from lapinq._client.calling.transport import Reachable, Transport
    from lapinq._client.entries.result_reader import ResultReader
    from lapinq._client.settings import QueueSettings
    from lapinq._client.workflows import Enqueued

    class Queue(QueueSettings, Reachable, Protocol): ...

    A = TypeVar("A", contravariant=True)

    class TaskOfOne(Protocol[A, V]):
        """A task that can be called with one argument."""

        def queue(self, argument: A, /) -> TaskRef[V]: ...


P = ParamSpec("P")
R = TypeVar("R")


class Node(Placeholder, Any, Generic[V]):
    """A task of a workflow. As an argument of another task it is its result.

    For type checkers it is of every type, because it stands for a value that it is not.
    """

    def __init__(self, owner: Graph, name: str, find_ref: Callable[[], TaskRef[V]]) -> None:
        super().__init__(owner, name, "$result")
        self._find_ref = find_ref

    @property
    def ref(self) -> TaskRef[V]:
        """The enqueued task. Raises `NotEnqueued` before the end of the block."""
        return self._find_ref()


if TYPE_CHECKING:

    class Nodes(list[R]):
        """Nodes, and so an argument where the list of their results fits."""

        def __iter__(self) -> Iterator[Node[R]]: ...
        @overload
        def __getitem__(self, index: SupportsIndex, /) -> Node[R]: ...
        @overload
        def __getitem__(self, index: slice[Any, Any, Any], /) -> Nodes[R]: ...
        def __getitem__(self, index: Any, /) -> Any: ...

else:
    Nodes = list


class Graph:
    """What workflows for plain code and for coroutines share. `TaskQueue.workflow` makes one."""

    def __init__(
        self,
        queue: Queue,
        sender: Transport,
        name: str,
        metadata: dict[str, Any] | None,
        *,
        is_async: bool,
        repeats: bool = True,
    ) -> None:
        """Its refs ask where `queue` enqueues. Raises TypeError, ValueError and `InvalidValue`."""
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # user code
            raise TypeError(f"the name of a workflow must be a str, not {name!r}")
        check_name("name", name)
        if metadata is not None and not isinstance(metadata, dict):  # pyright: ignore[reportUnnecessaryIsInstance]  # user code
            raise TypeError(f"metadata must be a dict, not {metadata!r}")
        self._queue = queue
        self._sender = sender
        self._name = name
        self._metadata = None if metadata is None else encode(metadata, "metadata")
        self._is_async = is_async
        self._repeats = repeats
        self._entries: dict[str, dict[str, Any]] = {}  # by ref
        self._numbers: dict[str, int] = {}
        self._is_open = False
        self._failed = False
        self._enqueued: Enqueued | None = None

    def add(self, task: Task[P, Any, V], *args: P.args, **kwargs: P.kwargs) -> Node[V]:
        """A task that calls `task` with these arguments. Nodes in them, also inside lists, dicts, tuples and
        dataclasses, become the results of their tasks, which run before.

        Its ref is the function's name, numbered where that is taken: `fetch`, `fetch-2`. See `Task.options` for
        another, and for an order without a value. Raises like `Task.entry`, and `InvalidValue`.
        """
        self._check_open()
        _check_task(task)
        parents: dict[str, None] = {}

        def json_of(placeholder: Placeholder) -> dict[str, str]:
            parents[self._parent(placeholder)] = None
            return {placeholder.kind: placeholder.name}

        member = task.__lapinq_member__(args, kwargs, json_of)
        for one in member.place.get("after", ()):
            parents[self._parent(one)] = None
        ref = self._new_ref(task.__name__, member.place.get("ref"))
        entry = {**member.entry, "ref": ref, "after": [*parents]}
        if "after_failure" in member.place:
            entry["after_failure"] = member.place["after_failure"]
        self._entries[ref] = entry
        return Node(self, ref, lambda: self._ref_of(ref, member.read_result))

    def map(self, task: TaskOfOne[A, R], items: Iterable[A]) -> Nodes[R]:
        """`add` for each item, as the only argument."""
        add: Any = self.add
        return Nodes([add(task, item) for item in items])

    def outcome(self, node: Node[Any]) -> Any:
        """As an argument of another task, how the task of the node has ended: a dict with `status`, `result` and
        `error`. That task needs the option `after_failure="run"` to see another end than `completed`."""
        if not isinstance(node, Node):  # pyright: ignore[reportUnnecessaryIsInstance]  # user code
            raise TypeError(f"outcome takes what add(...) returned, not {node!r}")
        self._parent(node)
        return Placeholder(self, node.name, "$outcome")

    @property
    def id(self) -> str:
        """Raises `NotEnqueued` before the end of the block."""
        return self._done().workflow_id

    @property
    def ref(self) -> WorkflowRef:
        """Raises `NotEnqueued` before the end of the block."""
        return WorkflowRef(self.id, queue=self._queue)

    def __repr__(self) -> str:
        return f"<lapinq workflow {self._name} of {len(self._entries)} tasks>"

    def _done(self) -> Enqueued:
        if self._enqueued is not None:
            return self._enqueued
        if self._failed:
            raise NotEnqueued(
                f"the workflow {self._name!r} was not enqueued, because its block raised an error"
            )
        raise NotEnqueued(
            f"the workflow {self._name!r} is enqueued at the end of its block: use ids and refs below the block"
        )

    def _ref_of(self, ref: str, read_result: ResultReader) -> TaskRef[Any]:
        answer = enqueued(self._done().task_ids[ref])
        return TaskRef(answer, is_async=self._is_async, queue=self._queue, read_result=read_result)

    def _check_open(self) -> None:
        if self._is_open:
            return
        if self._enqueued is None:
            raise TypeError(
                "add tasks to a workflow in a block: with queue.workflow(...) as flow: flow.add(...)"
            )
        raise TypeError(
            f"the workflow {self._name!r} is enqueued already: one of its tasks can add others, with"
            " current_task().workflow.add(...)"
        )

    def _parent(self, one: Placeholder | str) -> str:
        if isinstance(one, str):
            if one not in self._entries:
                raise InvalidValue(
                    "after", f"{one!r} is no ref of a task added before{did_you_mean(one, self._entries)}"
                )
            return one
        if one.owner is not self:
            raise ValueError(f"{one!r} belongs to another workflow: add its task to this one")
        return one.name

    def _new_ref(self, function_name: str, ref: str | None) -> str:
        if ref is not None:
            check_name("ref", ref)
            if ref in self._entries:
                raise InvalidValue("ref", f"{ref!r} is that of another task of the workflow")
            return ref
        ref = function_name
        while ref in self._entries:
            number = self._numbers[function_name] = self._numbers.get(function_name, 1) + 1
            ref = f"{function_name}-{number}"
        return ref

    def _begin(self) -> Self:
        if self._is_open or self._failed or self._enqueued is not None:
            raise TypeError(f"the workflow {self._name!r} was begun before: make another one for each block")
        self._is_open = True
        return self

    def _end(self) -> NewGraph:
        """Fails unless `_enqueued` is set afterwards."""
        self._is_open, self._failed = False, True
        return NewGraph(self._name, self._metadata, [*self._entries.values()])


class Workflow(Graph):
    """A workflow that is being built: `with queue.workflow("report") as flow:` enqueues it at the end of the block.
    Nothing is enqueued if the block raises."""

    def __enter__(self) -> Self:
        return self._begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raises like `TaskQueue.batch_enqueue`."""
        graph = self._end()
        if kind is None:
            self._enqueued = send_workflow(self._queue, self._sender, graph, repeats=self._repeats)

    if not TYPE_CHECKING:

        def __aenter__(self) -> NoReturn:
            raise TypeError("this workflow is for plain code: write `with`, not `async with`")

        __aexit__ = __aenter__


class AsyncWorkflow(Graph):
    """The same for coroutines: `async with queue.workflow("report") as flow:`."""

    async def __aenter__(self) -> Self:
        return self._begin()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        graph = self._end()
        if kind is None:
            self._enqueued = await asend_workflow(self._queue, self._sender, graph, repeats=self._repeats)

    if not TYPE_CHECKING:

        def __enter__(self) -> NoReturn:
            raise TypeError("this workflow is for coroutines: write `async with`, not `with`")

        __exit__ = __enter__


def _check_task(task: Any) -> None:
    if isinstance(task, Task):
        return
    told = "write add(task, 1, 2)"
    if isinstance(task, Placeholder):
        told = "it is added already, and an argument of another task: add(task, node)"
    elif callable(task):
        told = "the function first becomes a task, with @queue.task"
    raise TypeError(f"add takes a task and the arguments of its call, not {task!r}: {told}")
