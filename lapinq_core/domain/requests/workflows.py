"""The requests to store a workflow and to add tasks to one, and the checked graph that each makes."""

from collections.abc import Iterable, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Literal, cast, get_args

import msgspec
from msgspec import Meta

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.ids import new_id, new_ids
from lapinq_core.domain.nearest import did_you_mean
from lapinq_core.domain.requests.decoding import decode
from lapinq_core.domain.requests.enqueue import EnqueueRequest, TaskReader
from lapinq_core.domain.requests.values import JSON_LIMITS, Name, doc
from lapinq_core.domain.tasks.references import OUTCOME, RESULT, refs_in
from lapinq_core.domain.tasks.task import NewTask, check_json, check_name

MAX_TASKS = 10_000
MAX_EDGES = 100_000
_MAX_SHOWN = 10
"""Refs of a cycle that its error names."""

AfterFailure = Literal["cancel", "run", "fail"]


class Member(msgspec.Struct):
    """A task of a workflow. `after` holds the distinct refs of its parents, `named` of those in its arguments.

    `after_failure`: what happens to it if a parent does not complete. `number`: its place in the request, from 0.
    """

    ref: str
    task: NewTask
    after: list[str]
    after_failure: AfterFailure = "cancel"
    number: int = 0
    named: set[str] = msgspec.field(default_factory=set[str])


class NewWorkflow(msgspec.Struct):
    """A workflow to store. Parents come before their children among `members`, and the ids of the tasks ascend.

    An open one does not end before it is closed.
    """

    id: str
    name: str
    members: list[Member]
    metadata: dict[str, Any] | None = None
    is_open: bool = False


class WorkflowTaskRequest(EnqueueRequest, forbid_unknown_fields=True, kw_only=True):
    """A task of a workflow: the fields of a task to enqueue, its `ref`, and the tasks that it waits for.

    A null field counts as omitted. In `args` and `kwargs`, at any depth, `{"$result": "fetch"}` becomes the result of
    the task `fetch` when this one starts, null if that did not complete, and `{"$outcome": "fetch"}` an object with
    `status`, `result` and `error`. The task then comes after that one, too. `ttl_seconds` 0 and `debounce` are
    refused: the task must stay and be itself. A unique key that another task holds refuses the whole request, whatever
    `on_conflict` says.
    """

    ref: Annotated[Name, doc("Name of the task in its workflow.", example="sum")]
    after: Annotated[
        list[Name] | None,
        doc("Refs of the tasks that must have ended before it starts.", default=[], example=["fetch"]),
    ] = None
    after_failure: Annotated[
        Annotated[str, Meta(extra_json_schema={"enum": [*get_args(AfterFailure)]})] | None,
        doc(
            "What happens to it if one of these failed, expired, was cancelled or deleted: it is cancelled, runs all"
            " the same once all of them have ended, or fails.",
            default="cancel",
        ),
    ] = None


_Tasks = Annotated[list[WorkflowTaskRequest], Meta(extra_json_schema={"maxItems": MAX_TASKS})]


class WorkflowRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A workflow to store, all or nothing. A null field counts as omitted. Without tasks it completes at once, unless
    it is open."""

    name: Annotated[Name, doc("What the workflow does. Need not be unique.", example="report")]
    metadata: Annotated[
        dict[str, Any] | None, doc(f"Any value to store with the workflow. {JSON_LIMITS}")
    ] = None
    open: Annotated[bool | None, doc("It does not end before it is closed.", default=False)] = None
    tasks: Annotated[_Tasks | None, doc("Its tasks, in any order.", default=[])] = None


class AddedTasksRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Tasks to add to a workflow, all or none. `after` may name tasks that it has already."""

    tasks: Annotated[_Tasks, doc("The tasks, in any order.")]


def read_workflow(body: bytes, allowed: Sequence[str] = (), request_id: str | None = None) -> NewWorkflow:
    """The workflow that a `WorkflowRequest` in JSON asks for, with new ids.

    `allowed` are patterns of modules, as in `LAPINQ_ALLOWED_MODULES`. Raises `InvalidValue`.
    """
    asked = decode(_workflow, body)
    check_name("name", asked.name)
    if asked.metadata:
        check_json("metadata", asked.metadata)
    members = _members(asked.tasks or [], TaskReader(allowed, request_id), is_whole=True)
    return NewWorkflow(new_id(), asked.name, members, asked.metadata, bool(asked.open))


def read_added(body: bytes, allowed: Sequence[str] = (), request_id: str | None = None) -> list[Member]:
    """Like `read_workflow`, for an `AddedTasksRequest`: `after` may name refs that are not in the request."""
    asked = decode(_added, body)
    return _members(asked.tasks, TaskReader(allowed, request_id), is_whole=False)


def in_request_order(members: Sequence[Member]) -> list[Member]:
    return sorted(members, key=lambda member: member.number)


def place_naming(parent: str, member: Member) -> str:
    """The field of the request in which `member` names `parent`."""
    return f"tasks[{member.number}].{_field_naming(parent, member)}"


def in_task(number: int, error: InvalidValue) -> InvalidValue:
    """`error` in a field of a task, as one of the request with that task."""
    return InvalidValue(f"tasks[{number}].{error.loc}", error.msg)


def unknown_parent(member: Member, parent: str, known: Iterable[str] = ()) -> InvalidValue:
    """The error for a `parent` that is not in the workflow. `known` are refs that it may be a misspelling of."""
    meant = did_you_mean(parent, known)
    return in_task(
        member.number,
        InvalidValue(_field_naming(parent, member), f"names {parent!r}, which is no ref of a task{meant}"),
    )


def _members(asked: list[WorkflowTaskRequest], reader: TaskReader, *, is_whole: bool) -> list[Member]:
    if len(asked) > MAX_TASKS:
        raise InvalidValue("tasks", f"must be a list of at most {MAX_TASKS} tasks, not {len(asked)}")
    members: dict[str, Member] = {}
    for number, one in enumerate(asked):
        try:
            member = _member(one, number, reader)
            if (other := members.get(member.ref)) is not None:
                raise InvalidValue("ref", f"is that of tasks[{other.number}], too: {member.ref!r}")
        except InvalidValue as error:
            raise in_task(number, error) from error
        members[member.ref] = member
    edges = sum(len(member.after) for member in members.values())
    if edges > MAX_EDGES:
        raise InvalidValue("tasks", f"must name at most {MAX_EDGES} parents together, not {edges}")
    if is_whole:
        _check_parents(members)
    _check_unique_keys(members)
    ordered = _in_order(members)
    for member, task_id in zip(ordered, new_ids(len(ordered), version=8), strict=True):
        member.task.id = task_id
    return ordered


def _member(asked: WorkflowTaskRequest, number: int, reader: TaskReader) -> Member:
    ref, after, after_failure = asked.ref, asked.after or [], asked.after_failure or "cancel"
    check_name("ref", ref)
    if after_failure not in get_args(AfterFailure):
        raise InvalidValue("after_failure", 'must be "cancel", "run" or "fail"')
    asked.ref, asked.after, asked.after_failure = "", None, None  # tasks often share what is left
    task = reader.task(asked, "")
    if task.ttl_seconds == 0:
        raise InvalidValue(
            "ttl_seconds", "must not be 0 in a workflow: the task would leave no record for others"
        )
    if task.debounce is not None:
        raise InvalidValue("debounce", "is not possible in a workflow: a later call would replace the task")
    if task.unique is not None:
        task.unique = msgspec.structs.replace(task.unique, on_conflict="reject")
    for name in (RESULT, OUTCOME):
        if task.kwargs.keys() == {name}:
            raise InvalidValue(f"kwargs.{name}", "must be the value of an argument")
    refs = refs_in(task.args, "args") | refs_in(task.kwargs, "kwargs")
    parents = dict.fromkeys([*after, *sorted(refs)])
    member = Member(ref, task, list(parents), cast("AfterFailure", after_failure), number, refs)
    if ref in parents:
        raise InvalidValue(_field_naming(ref, member), "names the task itself")
    return member


def _field_naming(parent: str, member: Member) -> str:
    fields = {"args": member.task.args, "kwargs": member.task.kwargs}
    return next((name for name, value in fields.items() if parent in refs_in(value)), "after")


def _check_parents(members: dict[str, Member]) -> None:
    for member in members.values():
        for parent in member.after:
            if parent not in members:
                raise unknown_parent(member, parent, members)


def _check_unique_keys(members: dict[str, Member]) -> None:
    """Two tasks with one key would refuse each other."""
    first: dict[tuple[str, str], str] = {}
    for member in members.values():
        if (key := member.task.unique_key) is not None:
            other = first.setdefault((member.task.queue_name, key), member.ref)
            if other != member.ref:
                raise in_task(
                    member.number, InvalidValue("unique.key", f"is that of the task {other!r}, too")
                )


def _in_order(members: dict[str, Member]) -> list[Member]:
    """Parents first. Refs that are not among `members` are of tasks that exist already."""
    parents = {
        ref: [parent for parent in member.after if parent in members] for ref, member in members.items()
    }
    before: set[str] = set()
    for ref, its_parents in parents.items():
        if not before.issuperset(its_parents):
            break
        before.add(ref)
    else:
        return [*members.values()]  # as our own client asks
    try:
        return [members[ref] for ref in TopologicalSorter(parents).static_order()]
    except CycleError as error:
        cycle: list[str] = error.args[1]
        shown = [*cycle[:_MAX_SHOWN], "…", cycle[-1]] if len(cycle) > _MAX_SHOWN else cycle
        problem = f"is part of a cycle: {' -> '.join(shown)}"
        raise in_task(members[cycle[-1]].number, InvalidValue("after", problem)) from None


_workflow = msgspec.json.Decoder(WorkflowRequest)
_added = msgspec.json.Decoder(AddedTasksRequest)
