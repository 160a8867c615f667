"""The options `key` and `limits` of the client: values, and functions of a call's arguments."""

import inspect
from functools import partial
from typing import Any

import pytest

from lapinq import Task, TaskQueue
from lapinq.errors import InvalidValue, RequestRefused
from lapinq.testing import captured

queue = TaskQueue(queue_name="shop")
queue.limit("mail", max_running=5)


def order_of(order_id: int, *_: object, **__: object) -> str | None:
    return f"order:{order_id}" if order_id else None


def shares_of(order_id: int, *_: object) -> dict[str, int] | None:
    return {"mail": 2, "post": order_id} if order_id else None


def _value_of(value: Any, order_id: int, *_: object) -> Any:
    return value if order_id else None


@queue.task(key=order_of, limits={"mail": 1})
def confirm(order_id: int, note: str = "") -> None: ...


@queue.task
def ship(order_id: int, place: str = "door", /, *more: str, fast: bool = False, **rest: str) -> None: ...


def test_both_are_computed_from_the_arguments_of_the_call() -> None:
    assert "key" not in confirm.entry(0)
    fixed = confirm.options(key="acme", limits=shares_of).entry(7)
    assert (fixed["key"], fixed["limits"]) == ("acme", {"mail": 2, "post": 7})
    none = confirm.options(key=None, limits=shares_of)
    with captured() as tasks:
        confirm.queue(1, note="x")
        queue.batch_enqueue([confirm.entry(2), none.entry(0)])
        assert [(task.key, task.limits) for task in tasks] == [
            ("order:1", {"mail": 1}),
            ("order:2", {"mail": 1}),
            (None, None),
        ]


def test_functions_of_all_options_get_the_arguments_as_the_task_does() -> None:
    """By position where possible, with defaults; keyword-only ones if they name them."""

    def of(task: Task[..., Any], function: Any, *args: Any, **kwargs: Any) -> list[str]:
        def shares(*given: Any, **named: Any) -> dict[str, int]:
            return {function(*given, **named): 1}

        shares.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
        keyed = task.options(key=function, limits=shares, unique=function, debounce=None)
        entry = keyed.entry(*args, **kwargs)
        late = task.options(debounce={"key": function, "delay": 1}).entry(*args, **kwargs)
        return [entry["key"], *entry["limits"], entry["unique"]["key"], late["debounce"]["key"]]

    def of_first(order_id: int, *_: object) -> str:
        return f"{order_id}"

    def of_two(order_id: int, *_: object, fast: bool) -> str:
        return f"{order_id}-{fast}"

    def of_named(order_id: int, *_: object, **named: str) -> str:
        return f"{order_id}-{named['by']}"

    def of_all(order_id: int, note: str) -> str:
        return f"{order_id}-{note}-"

    def of_whatever(*args: object, **kwargs: object) -> str:
        return f"{args} {kwargs}"

    calls: list[tuple[Task[..., Any], Any, tuple[Any, ...], dict[str, Any], str]] = [
        (confirm, of_first, (7,), {"note": "x"}, "7"),
        (confirm, of_first, (), {"order_id": 7}, "7"),
        (confirm, of_all, (7,), {}, "7--"),
        (ship, of_first, (7,), {"fast": True, "by": "post"}, "7"),
        (ship, of_named, (7,), {"by": "post"}, "7-post"),
        (ship, of_two, (7,), {}, "7-False"),
        (ship, of_whatever, (7,), {}, "(7, 'door') {'fast': False}"),
    ]
    for task, function, args, kwargs, key in calls:
        if function is of_whatever:
            assert task.options(key=function).entry(*args, **kwargs)["key"] == key
        else:
            assert of(task.options(limits=None), function, *args, **kwargs) == [key] * 4


def test_a_function_that_does_not_take_the_arguments_or_returns_something_else_is_named() -> None:
    def only(order_id: int) -> str:
        return f"{order_id}"

    def same(order_id: int, *_: object) -> Any:
        return order_id

    def failing(order_id: int, *_: object) -> str:
        raise TypeError(f"{order_id} is wrong")

    given = r"^confirm\(\): the function of {} gets all arguments of the task"
    returned = r"^confirm\(\): the function of {} must return "
    wrong: list[tuple[dict[str, Any], str]] = [
        *(({name: only}, given.format(name)) for name in ("key", "limits", "unique")),
        ({"key": same}, returned.format("key") + "a str, or None, not 7"),
        ({"limits": same}, returned.format("limits") + "a dict"),
        ({"unique": same}, returned.format("unique") + "a str, or None, not 7"),
        ({"key": failing}, "^7 is wrong$"),
    ]
    for options, message in wrong:
        with pytest.raises(TypeError, match=message):
            confirm.options(**options).queue(7)
    with pytest.raises(TypeError, match=r"confirm\(\): missing a required argument: 'order_id'"):
        confirm.queue()  # pyright: ignore[reportCallIssue]  # that's what is tested


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"key": 7}, TypeError, "key must be a str, or a function that returns one, not 7"),
    ({"key": ""}, InvalidValue, "key: must have 1 to 255 characters"),
    ({"key": "a\n"}, InvalidValue, "key: must not contain control characters"),
    (
        {"limits": "openai"},
        TypeError,
        "limits must be a dict of units by name, or a function that returns one",
    ),
    ({"limits": {1: 1}}, TypeError, "limits must be a dict of units by name"),
    ({"limits": {"openai": 1.5}}, InvalidValue, "limits.openai: must be an integer, not a decimal fraction"),
    ({"limits": {"openai": 0}}, InvalidValue, "limits.openai: must be between 1 and 1000000000000"),
    ({"limits": {"a,b": 1}}, InvalidValue, "limits.a,b: must be a name of 1 to 100 ASCII letters"),
]


@pytest.mark.parametrize(("options", "kind", "message"), WRONG)
def test_a_wrong_value_is_refused_where_it_is_written_or_computed(
    options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    for declare in (lambda: queue.task(**options), lambda: confirm.options(**options)):
        with pytest.raises(kind) as raised:
            declare()
        assert str(raised.value).startswith(message)

    functions: dict[str, Any] = {name: partial(_value_of, value) for name, value in options.items()}
    with pytest.raises(kind, match=next(iter(options))):
        confirm.options(**functions).queue(7)


def test_a_fire_and_forget_task_with_a_key_has_an_id() -> None:
    with captured():
        assert confirm.options(ttl_seconds=0).queue(1).task_id is not None
        assert confirm.options(ttl_seconds=0, key=None, limits=None).queue(1).task_id is None
        with pytest.raises(RequestRefused, match=r"limits must have at most 10 limits, not 11"):
            queue.batch_enqueue([{**confirm.entry(1), "limits": {f"l{n}": 1 for n in range(11)}}])
