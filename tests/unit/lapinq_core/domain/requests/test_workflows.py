"""Workflows that requests ask for: their graph, and what is wrong with one."""

import json
import time
from typing import Any

import pytest

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests import workflows
from lapinq_core.domain.requests.workflows import read_added, read_workflow
from lapinq_core.domain.tasks.unique import Unique

Asked = dict[str, Any]
KEY = {"key": "k"}


def task(ref: str, *after: str, **more: object) -> Asked:
    return {"ref": ref, "task_name": "add", "module_path": "app.tasks", "after": [*after], **more}


def body(*tasks: Asked, **more: object) -> bytes:
    return json.dumps({"name": "report", "tasks": tasks, **more}).encode()


def test_parents_come_first_and_ids_ascend() -> None:
    workflow = read_workflow(
        body(
            task("c", "b", "a", "b"),
            task("b", "a", after_failure="run"),
            task("a"),
            metadata={"x": 1},
            open=True,
        )
    )
    assert [(one.ref, one.after, one.after_failure, one.number) for one in workflow.members] == [
        ("a", [], "cancel", 2),
        ("b", ["a"], "run", 1),
        ("c", ["b", "a"], "cancel", 0),
    ]
    ids = [one.task.id for one in workflow.members]
    assert ids == sorted(set(ids))
    assert {one[14] for one in ids} == {"8"}
    assert (workflow.id[14], workflow.name, workflow.metadata, workflow.is_open) == (
        "7",
        "report",
        {"x": 1},
        True,
    )


def test_a_workflow_may_be_empty() -> None:
    workflow = read_workflow(b'{"name": "report", "tasks": null, "open": null}')
    assert (workflow.members, workflow.metadata, workflow.is_open) == ([], None, False)


def test_arguments_name_parents() -> None:
    args = [[{"$result": "a"}], {"$result": "a", "b": 1}, {"x": {"y": {"$outcome": "b"}}}]
    last = task("d", "c", args=args, kwargs={"z": {"$result": "a"}})
    workflow = read_workflow(body(last, task("a"), task("b"), task("c")))
    [member] = [one for one in workflow.members if one.ref == "d"]
    assert member.after == ["c", "a", "b"]
    assert member.task.args == args  # they stay as they are


def test_added_tasks_may_come_after_those_of_the_workflow() -> None:
    members = read_added(json.dumps({"tasks": [task("b", "a", "before"), task("a", "before")]}).encode())
    assert [(one.ref, one.after) for one in members] == [("a", ["before"]), ("b", ["a", "before"])]


def test_tasks_share_checks_but_nothing_else() -> None:
    tasks = [task("a", key="x", args=[1]), task("b"), task("c", unique={"key": "k"}), task("d", priority=3)]
    workflow = read_workflow(body(*tasks))
    a, b, c, d = (one.task for one in workflow.members)
    assert (a.key, a.args, b.key, b.args) == ("x", [1], None, [])
    assert c.unique == Unique("k", on_conflict="reject")
    assert (b.priority, d.priority, d.unique) == (0, 3, None)


def test_a_long_chain_and_a_wide_fan_in_are_read_soon() -> None:
    chain = [task(str(n), *([str(n - 1)] if n else [])) for n in range(9_999)]
    began = time.process_time()
    workflow = read_workflow(body(task("all", *(one["ref"] for one in chain)), *reversed(chain)))
    assert time.process_time() - began < 5
    assert [one.ref for one in workflow.members] == [*map(str, range(9_999)), "all"]


@pytest.mark.parametrize(
    ("tasks", "loc", "msg"),
    [
        ([task("a"), task("a")], "tasks[1].ref", "is that of tasks[0], too: 'a'"),
        ([task("")], "tasks[0].ref", "must have 1 to 255 characters"),
        ([task("a\n")], "tasks[0].ref", "must have printable characters only"),
        ([task("a"), {"task_name": "add", "module_path": "app"}], "tasks[1].ref", "is required"),
        ([task("fetch"), task("b", "fech")], "tasks[1].after", "names 'fech', which is no ref of a task (did you mean"),
        ([task("a"), task("b", args=[{"$result": "x"}])], "tasks[1].args", "names 'x', which is no ref of a task"),
        ([task("a", "a")], "tasks[0].after", "names the task itself"),
        ([task("a", kwargs={"x": {"$outcome": "a"}})], "tasks[0].kwargs", "names the task itself"),
        ([task("z"), task("b", "a"), task("a", "b")], "tasks[1].after", "is part of a cycle: b -> a -> b"),
        ([task("a", args=[[{"$result": 5}]])], "tasks[0].args[0][0].$result", "must be the ref of a task"),
        ([task("a", kwargs={"x": {"$outcome": {}}})], "tasks[0].kwargs.x.$outcome", "must be the ref of a task"),
        ([task("a"), task("b", kwargs={"$result": "a"})], "tasks[1].kwargs.$result", "must be the value of an"),
        ([task("a"), task("b", after_failure="go")], "tasks[1].after_failure", 'must be "cancel", "run" or "fail"'),
        ([task("a", after="b")], "tasks[0].after", "must be a list, not a string"),
        ([task("a", ttl_seconds=0)], "tasks[0].ttl_seconds", "must not be 0 in a workflow"),
        ([task("a", debounce={"key": "k", "delay": 1})], "tasks[0].debounce", "is not possible in a workflow"),
        ([task("a", unique=KEY), task("b", unique=KEY)], "tasks[1].unique.key", "is that of the task 'a', too"),
        ([task("a"), task("b", priority=2**31)], "tasks[1].priority", "must be between -2147483648 and 2147483647"),
    ],
)  # fmt: skip
def test_a_wrong_graph_is_refused(tasks: list[Asked], loc: str, msg: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        read_workflow(body(*tasks))
    assert refused.value.loc == loc
    assert refused.value.msg.startswith(msg)


def test_a_cycle_is_named_in_the_order_of_its_tasks() -> None:
    with pytest.raises(
        InvalidValue, match=r"is part of a cycle: (a -> b -> c -> a|b -> c -> a -> b|c -> a -> b -> c)$"
    ):
        read_workflow(body(task("c", "b"), task("a", "c"), task("b", "a")))


def test_a_long_cycle_is_named_in_part() -> None:
    tasks = [task(f"n{n}", f"n{(n + 1) % 1000}") for n in range(1000)]
    with pytest.raises(InvalidValue, match=r"is part of a cycle: (n\d+ -> ){10}… -> n\d+$"):
        read_workflow(body(*tasks))


def test_tasks_and_edges_of_a_request_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflows, "MAX_TASKS", 3)
    monkeypatch.setattr(workflows, "MAX_EDGES", 2)
    assert len(read_workflow(body(task("a"), task("b", "a"), task("c", "b"))).members) == 3
    for tasks in ([task("a"), task("b", "a"), task("c", "a", "b")], [*map(task, "abcd")]):
        with pytest.raises(InvalidValue, match=r"^tasks: "):
            read_workflow(body(*tasks))


@pytest.mark.parametrize(
    ("asked", "loc"),
    [
        ({"name": ""}, "name"),
        ({"name": "report", "metadata": {"a": "\x00"}}, "metadata.a"),
        ({"name": "report", "task": []}, "task"),
        ({}, "name"),
    ],
)
def test_a_wrong_workflow_is_refused(asked: Asked, loc: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        read_workflow(json.dumps(asked).encode())
    assert refused.value.loc == loc
