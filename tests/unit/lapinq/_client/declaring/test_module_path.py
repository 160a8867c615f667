from collections.abc import Callable

import pytest

from lapinq import Task, TaskQueue
from lapinq.errors import TaskNotImportable

queue = TaskQueue()


class Mailer:
    @staticmethod
    @queue.task(name="another")
    def renamed() -> None: ...


def make(name: str) -> Task[..., str]:
    @queue.task(name=name)
    def made() -> str:
        return name

    return made


from_factory = make("from_factory")


def doubling() -> Callable[[int], int]:
    return lambda value: 2 * value


twice = queue.task(name="lambda")(doubling())


def test_what_is_in_a_variable_of_its_module_can_be_enqueued() -> None:
    assert from_factory.entry()["task_name"] == "from_factory"
    assert from_factory.options(priority=1).entry()["task_name"] == "from_factory"
    assert (twice(2), twice.entry(2)["task_name"]) == (4, "lambda")


def test_what_no_worker_would_find_is_called_but_not_enqueued() -> None:
    @queue.task("local")
    def local() -> int:
        return 1

    space: dict[str, Callable[[], None]] = {}
    exec("def f(): pass", {"__name__": "<made up>"}, space)
    tasks: list[tuple[Task[..., object], str]] = [
        (local, r"'local' is defined inside test_.*\(\), where no"),
        (make("elsewhere"), r"'elsewhere' is defined inside make"),
        (Mailer.renamed, r"'another' is 'Mailer.renamed' in its module"),
        (queue.task(name="named")(space["f"]), r"'named' is in '<made up>', which no worker can import"),
    ]
    for task, told in tasks:
        for use in (task.entry, task.queue):
            with pytest.raises(TaskNotImportable, match=told) as raised:
                use()
            assert raised.value.task_name == task.task_name
    assert (local(), local.task_name) == (1, "local")
