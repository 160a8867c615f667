"""The tasks that requests ask for."""

import json

import pytest

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.enqueue import read_batch, read_task
from lapinq_core.domain.tasks.task import NewTask

TASK: dict[str, object] = {"task_name": "add", "module_path": "app.tasks"}


def fields(task: NewTask) -> dict[str, object]:
    return {name: getattr(task, name) for name in NewTask.__struct_fields__ if name != "id"}


def test_a_task_of_a_batch_has_nothing_of_the_one_before_it() -> None:
    bodies: list[dict[str, object]] = [
        {**TASK, "args": [1], "kwargs": {"b": 2}, "key": "acme", "metadata": {"a": 1}},
        {**TASK, "args": [2]},
        {**TASK, "kwargs": {}, "priority": 1},
        {**TASK, "priority": 1, "ttl_seconds": 0, "key": "acme", "profile": True},
        {**TASK, "priority": 1, "limits": {"mail": 1}},
        {**TASK, "unique": {"key": "a"}},
        {**TASK, "unique": {"key": "b"}},
        TASK,
    ]
    read = read_batch(json.dumps(bodies).encode())
    assert len({task.id for task in read}) == len(bodies)
    assert [*map(fields, read)] == [fields(read_task(json.dumps(body).encode())) for body in bodies]


@pytest.mark.parametrize(
    ("wrong", "loc"),
    [
        ({"args": ["\x00"]}, "[1].args[0]"),
        ({"key": "\n"}, "[1].key"),
        ({"metadata": {"a": "\x00"}}, "[1].metadata.a"),
        ({"profile": True, "ttl_seconds": 0}, "[1].profile"),
        ({"priority": 2**31}, "[1].priority"),
    ],
)
def test_each_task_of_a_batch_is_checked(wrong: dict[str, object], loc: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        read_batch(json.dumps([TASK, {**TASK, **wrong}]).encode())
    assert refused.value.loc == loc
