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


def test_a_local_function_is_called_but_not_enqueued() -> None:
    @queue.task
    def local() -> int:
        return 1

    assert (local(), local.task_name) == (1, "local")
    with pytest.raises(TaskNotImportable, match=r"'local' is defined inside test_.*\(\), where no") as raised:
        local.queue()
    assert raised.value.task_name == "local"


def test_a_name_does_not_make_a_local_function_enqueueable() -> None:
    with pytest.raises(TaskNotImportable, match=r"'elsewhere' is defined inside make"):
        make("elsewhere").entry()


def test_a_local_function_kept_in_a_variable_of_its_module_can_be_enqueued() -> None:
    assert from_factory.entry()["task_name"] == "from_factory"
    assert from_factory.options(priority=1).entry()["task_name"] == "from_factory"


def test_a_renamed_method_is_refused_because_nobody_would_find_it() -> None:
    with pytest.raises(TaskNotImportable, match=r"'another' is 'Mailer.renamed' in its module"):
        Mailer.renamed.entry()


def test_a_lambda_with_a_name_can_be_enqueued() -> None:
    assert twice(2) == 4
    assert twice.entry(2)["task_name"] == "lambda"


def test_a_function_of_code_without_a_module_is_refused() -> None:
    space: dict[str, Callable[[], None]] = {}
    exec("def f(): pass", {"__name__": "<made up>"}, space)
    task = queue.task(name="named")(space["f"])
    with pytest.raises(
        TaskNotImportable, match=r"'named' is in '<made up>', which no worker can import"
    ) as raised:
        task.entry()
    assert raised.value.task_name == "named"
