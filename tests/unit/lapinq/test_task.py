import asyncio
import dataclasses
import functools
import inspect
import pickle
import typing
import uuid
from collections.abc import Callable
from typing import Any

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
    def bound(self, to: str) -> tuple["Mailer", str]:
        return self, to


def with_session(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function("session", *args, **kwargs)

    return wrapper


@queue.task
@with_session
def save(session: str, row: int) -> tuple[str, int]:
    return session, row


queue_without_typing = TaskQueue(typed=False)


def order(key: uuid.UUID) -> None: ...


typed = queue.task(order)


@queue.every("1h", args=[{"value": 1}])
def planned(value: "Later") -> None: ...


@dataclasses.dataclass
class Later:
    value: int


def test_a_task_is_called_like_the_function() -> None:
    assert add(1) == 3
    assert add(a=1, b=5) == 6
    assert asyncio.run(aadd(1, 2)) == 3


def test_a_task_looks_like_the_function() -> None:
    assert (add.__name__, add.__qualname__, add.__module__, add.__doc__) == (
        "add",
        "add",
        __name__,
        "The sum.",
    )
    assert str(inspect.signature(add)) == "(a: int, b: int = 2) -> int"
    assert typing.get_type_hints(add) == {"a": int, "b": int, "return": int}
    assert repr(add) == f"<lapinq task {__name__}.add>"


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


def test_a_coroutine_function_is_still_known_as_one() -> None:
    assert inspect.iscoroutinefunction(aadd)
    assert not inspect.iscoroutinefunction(add)


def test_a_worker_finds_the_name_and_the_function_on_it() -> None:
    assert add.__lapinq_task__ == add.task_name == "add"
    assert add.__wrapped__(1, 1) == 2
    assert not isinstance(add.__wrapped__, Task)


def test_a_task_is_pickled_by_reference() -> None:
    assert pickle.loads(pickle.dumps(add)) is add
    assert pickle.loads(pickle.dumps(Mailer.send)) is Mailer.send


@pytest.mark.parametrize(
    ("task", "name"),
    [
        (add, "add"),
        (named, "sums.add"),
        (positional, "by.position"),
        (Mailer.send, "Mailer.send"),
        (Mailer.post, "Mailer.post"),
    ],
)
def test_the_name_is_the_functions_own_unless_given(task: Task[..., Any], name: str) -> None:
    assert task.task_name == name


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
    changed = named.options(priority=9, queue_name=None, retry_delay=0.5)
    assert {**changed.entry(1), "args": []} == {
        "task_name": "sums.add",
        "module_path": __name__,
        "args": [],
        "kwargs": {},
        "priority": 9,
        "max_retries": 0,
        "retry_delay": 0.5,
    }
    assert named.entry(1)["priority"] == 5
    assert named.options(profile=True).entry(1)["profile"] is True
    assert changed(1) == (1, "")


def test_an_unknown_option_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"a task has no option 'colour'"):
        add.options(colour="red")  # pyright: ignore[reportCallIssue]
    decorate: Any = queue.task
    with pytest.raises(
        TypeError, match=r"^a task has no option 'max_retry' \(did you mean 'max_retries'\?\)$"
    ):
        decorate(max_retry=3)
    with pytest.raises(TypeError, match=r"^a task has no option 'bind', 'retri' \(did you mean 'retry'\?\)$"):
        decorate("add", retri=[1], bind=True)
    with pytest.raises(TypeError, match=r"^profile belongs in options\(\), for one call"):
        decorate(profile=True)


def test_arguments_that_do_not_fit_are_refused_before_anything_is_sent() -> None:
    unfit: Any = add
    with pytest.raises(TypeError, match=r"^add\(\): missing a required argument: 'a'"):
        unfit.entry()
    with pytest.raises(TypeError, match=r"^add\(\): got an unexpected keyword argument 'c'"):
        unfit.queue(1, c=2)


def test_arguments_supplied_by_a_decorator_in_between_are_not_asked_for() -> None:
    assert save(1) == ("session", 1)
    assert save.entry(1)["args"] == [1]


@pytest.mark.parametrize(
    ("send", "argument"),
    [
        (lambda: named.queue(1, typing.cast("Any", object())), "2"),
        (lambda: named.queue(typing.cast("Any", object())), "'a'"),
        (lambda: named.queue(1, key=typing.cast("Any", object())), "'key'"),
    ],
)
def test_a_value_that_cannot_be_sent_is_named(send: Callable[[], Any], argument: str) -> None:
    with pytest.raises(TypeError, match=rf"^sums\.add\(\): argument {argument} cannot be sent as JSON"):
        send()


def test_nan_is_refused_with_the_name_of_the_argument() -> None:
    number: Any = float("nan")
    with pytest.raises(ValueError, match=r"^add\(\): argument 'b' cannot be sent as JSON: it holds NaN"):
        add.queue(1, number)


def test_arguments_must_fit_the_annotations_that_a_worker_reads_them_by() -> None:
    for send in (
        typed.queue,
        typed.entry,
        typed.options(priority=1).queue,
        AsyncTaskQueue().task(typed).queue,
    ):
        with pytest.raises(TypeMismatch, match=r"^order\(\): argument 'key': Invalid UUID$") as error:
            typing.cast("Any", send)("x")
        assert (error.value.task_name, error.value.argument) == ("order", "key")
    key = uuid.UUID(int=1)
    assert typed.entry(key)["args"] == [key]
    assert typed.entry(typing.cast("Any", str(key)))["args"] == [str(key)]


def test_without_typing_nothing_but_the_signature_is_checked() -> None:
    off: Any = queue.task(typed=False)(order)
    assert off.entry("x")["args"] == ["x"]
    assert not queue_without_typing.typed
    assert typing.cast("Any", queue_without_typing.task(order)).entry("x")["args"] == ["x"]
    with pytest.raises(TypeMismatch):
        typing.cast("Any", queue_without_typing.task(typed=True)(order)).entry("x")


def test_a_schedule_checks_the_arguments_by_annotations_that_resolve_later_too() -> None:
    with pytest.raises(TypeMismatch, match=r"^order\(\): argument 'key': Invalid UUID$"):
        queue.every("1h", args=["x"])(order)
    assert planned.entry(Later(1))["args"] == [Later(1)]
    with pytest.raises(TypeMismatch, match="argument 'value': Expected `object`, got `int`"):
        planned.entry(typing.cast("Any", 5))


def test_in_a_class_a_static_method_is_called_and_enqueued() -> None:
    assert Mailer.send("x") == Mailer().send("x") == Mailer.post("x") == "x"
    assert Mailer.send.entry("x")["task_name"] == "Mailer.send"


def test_a_method_is_bound_when_called_and_cannot_be_enqueued_without_its_object() -> None:
    mailer = Mailer()
    assert mailer.bound("x") == (mailer, "x")
    with pytest.raises(TypeError, match=r"missing a required argument: 'to'"):
        typing.cast("Any", mailer.bound).entry("x")


@pytest.mark.parametrize("value", [Mailer, functools.partial(print), 5])
def test_only_a_function_can_be_a_task(value: Any) -> None:
    with pytest.raises(TypeError, match=r"only a function can be a task"):
        queue.task(value)


def test_a_task_can_be_enqueued_through_another_queue_too() -> None:
    again = TaskQueue(queue_name="other").task(queue_name="mine")(add)
    assert again.entry(1)["queue_name"] == "mine"
    assert again.__wrapped__ is add.__wrapped__


def test_an_async_queue_makes_the_same_tasks() -> None:
    task = AsyncTaskQueue().task(add)
    assert task.entry(1) == add.entry(1)
    assert task(1) == 3


def test_a_function_with_attributes_keeps_them() -> None:
    def function() -> None: ...

    function.team = "video"  # pyright: ignore[reportFunctionMemberAccess]
    assert vars(queue.task(function))["team"] == "video"


def test_a_function_without_a_signature_is_left_to_the_worker() -> None:
    assert queue.task(name="getattr")(getattr).entry(1, "a")["module_path"] == "builtins"
