import asyncio
import dataclasses
import functools
import inspect
import pickle
import typing
import uuid
from collections.abc import Callable
from typing import Any, cast

import pytest

from lapinq import AsyncTaskQueue, Task, TaskQueue
from lapinq.errors import TypeMismatch

queue = TaskQueue()


@queue.task
def add(a: int, b: int = 2) -> int:
    """The sum."""
    return a + b


@queue.task
async def aadd(a: int, b: int) -> int:
    return a + b


@queue.task(name="sums.add", queue_name="video", priority=5, max_retries=0)
def named(a: int, /, *rest: int, key: str = "") -> tuple[Any, ...]:
    return (a, *rest, key)


@queue.task("by.position")
def positional() -> None: ...


class Mailer:
    @staticmethod
    @queue.task
    def send(to: str) -> str:
        return to

    @queue.task
    @staticmethod
    def post(to: str) -> str:
        return to

    @queue.task
    def deliver(to: str) -> str:  # noqa: N805  # pyright: ignore[reportGeneralTypeIssues]
        return to


def with_session(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function("session", *args, **kwargs)

    return wrapper


@queue.task
@with_session
def save(session: str, row: int) -> tuple[str, int]:
    return session, row


def order(key: uuid.UUID) -> None: ...


typed = queue.task(order)


@queue.every("1h", args=[{"value": 1}])
def planned(value: "Later") -> None: ...


@dataclasses.dataclass
class Later:
    value: int


def test_a_task_is_called_and_looks_like_the_function() -> None:
    assert (add(1), add(a=1, b=5), asyncio.run(aadd(1, 2))) == (3, 6, 3)
    assert (add.__name__, add.__qualname__, add.__module__, add.__doc__) == (
        "add",
        "add",
        __name__,
        "The sum.",
    )
    assert str(inspect.signature(add)) == "(a: int, b: int = 2) -> int"
    assert typing.get_type_hints(add) == {"a": int, "b": int, "return": int}
    assert repr(add) == f"<lapinq task {__name__}.add>"
    assert [inspect.iscoroutinefunction(task) for task in (add, aadd)] == [False, True]
    # What a worker looks for.
    assert add.__lapinq_task__ == add.task_name == "add"
    assert add.__wrapped__(1, 1) == 2
    assert not isinstance(add.__wrapped__, Task)
    assert pickle.loads(pickle.dumps(add)) is add
    assert pickle.loads(pickle.dumps(Mailer.send)) is Mailer.send


@pytest.mark.parametrize(
    ("habit", "instead"),
    [
        ("delay", r"use \.queue\(\) to enqueue it, here add\.queue\(\.\.\.\)"),
        ("apply_async", r"use \.queue\(\) .* add\.options\(\.\.\.\)\.queue\(\.\.\.\)"),
        ("send", r"use \.queue\(\)"),
        ("defer", r"use \.queue\(\)"),
        ("nothing", "a lapinq task has no attribute 'nothing'$"),
    ],
)
def test_the_names_of_other_libraries_are_answered(habit: str, instead: str) -> None:
    assert not hasattr(add, habit)
    with pytest.raises(AttributeError, match=instead):
        getattr(add, habit)(1, 2)


def test_the_name_is_the_functions_own_unless_given() -> None:
    tasks: list[Task[..., Any]] = [add, named, positional, Mailer.send, Mailer.post]
    names = ["add", "sums.add", "by.position", "Mailer.send", "Mailer.post"]
    assert [task.task_name for task in tasks] == names


def test_an_entry_is_what_would_be_sent() -> None:
    assert add.entry(1, b=3) == {
        "task_name": "add",
        "module_path": __name__,
        "args": [1],
        "kwargs": {"b": 3},
        "priority": 0,
    }
    assert named.entry(1, 2, key="x") == {
        "task_name": "sums.add",
        "module_path": __name__,
        "args": [1, 2],
        "kwargs": {"key": "x"},
        "queue_name": "video",
        "priority": 5,
        "max_retries": 0,
    }


def test_options_make_a_copy_and_leave_the_task_alone() -> None:
    before = named.entry(1)
    changed = named.options(priority=9, queue_name=None, retry_delay=0.5)
    del before["queue_name"]
    assert changed.entry(1) == {**before, "priority": 9, "retry_delay": 0.5}
    assert named.entry(1)["priority"] == 5
    assert named.options(profile=True).entry(1)["profile"] is True
    assert changed(1) == (1, "")


def test_an_unknown_option_and_what_is_no_function_are_refused() -> None:
    decorate: Any = queue.task
    for wrong, told in (
        (lambda: cast("Any", add).options(colour="red"), "a task has no option 'colour'"),
        (
            lambda: decorate("add", retri=[1], blind=True),
            r"no option 'blind', 'retri' \(did you mean 'retry'\?\)$",
        ),
        (lambda: decorate(Mailer), "only a function can be a task"),
        (lambda: decorate(functools.partial(print)), "only a function can be a task"),
        (lambda: decorate(profile=True), r"^profile belongs in options\(\), for one call"),
    ):
        with pytest.raises(TypeError, match=told):
            wrong()


def test_arguments_that_do_not_fit_or_cannot_be_sent_are_named_before_anything_is_sent() -> None:
    unfit: Any = add
    wrong: Any = object()
    for send, told in (
        (unfit.entry, r"^add\(\): missing a required argument: 'a'"),
        (lambda: unfit.queue(1, c=2), r"^add\(\): got an unexpected keyword argument 'c'"),
        (lambda: named.queue(1, wrong), r"^sums\.add\(\): argument 2 cannot be sent as JSON"),
        (lambda: named.queue(wrong), r"^sums\.add\(\): argument 'a' cannot be sent as JSON"),
        (lambda: named.queue(1, key=wrong), r"^sums\.add\(\): argument 'key' cannot be sent as JSON"),
    ):
        with pytest.raises(TypeError, match=told):
            send()
    with pytest.raises(ValueError, match=r"^add\(\): argument 'b' cannot be sent as JSON: it holds NaN"):
        unfit.queue(1, float("nan"))


def test_arguments_must_fit_the_annotations_that_a_worker_reads_them_by() -> None:
    again = AsyncTaskQueue().task(typed)
    for send in (typed.queue, typed.entry, typed.options(priority=1).queue, again.queue):
        with pytest.raises(TypeMismatch, match=r"^order\(\): argument 'key': Invalid UUID$") as error:
            cast("Any", send)("x")
        assert (error.value.task_name, error.value.argument) == ("order", "key")
    key = uuid.UUID(int=1)
    assert typed.entry(key)["args"] == [key]
    assert cast("Any", typed).entry(str(key))["args"] == [str(key)]


def test_without_typing_nothing_but_the_signature_is_checked() -> None:
    untyped = TaskQueue(typed=False)
    for off in (queue.task(typed=False)(order), untyped.task(order)):
        assert cast("Any", off).entry("x")["args"] == ["x"]
    with pytest.raises(TypeMismatch):
        cast("Any", untyped.task(typed=True)(order)).entry("x")


def test_a_schedule_checks_the_arguments_by_annotations_that_resolve_later_too() -> None:
    with pytest.raises(TypeMismatch, match=r"^order\(\): argument 'key': Invalid UUID$"):
        queue.every("1h", args=["x"])(order)
    assert planned.entry(Later(1))["args"] == [Later(1)]
    with pytest.raises(TypeMismatch, match="argument 'value': Expected `object`, got `int`"):
        planned.entry(cast("Any", 5))


def test_in_a_class_a_task_is_a_static_method() -> None:
    mailer = Mailer()
    for send in (Mailer.send, mailer.send, Mailer.post, mailer.post, Mailer.deliver, mailer.deliver):
        assert cast("Any", send)("x") == "x"
    assert Mailer.deliver.entry("x")["task_name"] == "Mailer.deliver"


def test_a_task_can_be_made_of_a_task_of_another_queue() -> None:
    again = TaskQueue(queue_name="other").task(queue_name="mine")(add)
    assert again.entry(1)["queue_name"] == "mine"
    assert again.__wrapped__ is add.__wrapped__
    in_coroutines = AsyncTaskQueue().task(add)
    assert (in_coroutines.entry(1), in_coroutines(1)) == (add.entry(1), 3)


def test_a_function_may_have_a_decorator_attributes_or_no_signature() -> None:
    assert save(1) == ("session", 1)
    assert save.entry(1)["args"] == [1]  # the decorator supplies the other

    def function() -> None: ...

    function.team = "video"  # pyright: ignore[reportFunctionMemberAccess]
    assert vars(queue.task("with a team")(function))["team"] == "video"
    assert queue.task(name="getattr")(getattr).entry(1, "a")["module_path"] == "builtins"
