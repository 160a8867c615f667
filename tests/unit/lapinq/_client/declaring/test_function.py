from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import contextmanager
from functools import wraps

import pytest

from lapinq import TaskQueue
from lapinq._client.declaring.function import check_function
from lapinq.errors import TaskNotImportable

queue = TaskQueue()


def numbers() -> Iterator[int]:
    yield 1


async def anumbers() -> AsyncIterator[int]:
    yield 1


@contextmanager
def managed() -> Generator[None]:
    yield


class Mailer:
    def __init__(self) -> None: ...

    def send(self, to: str) -> None: ...

    @classmethod
    def build(cls) -> None: ...

    @staticmethod
    def post(to: str) -> None: ...


def wrapped(function: Callable[..., object]) -> Callable[..., object]:
    def wrapper(*args: object) -> object:
        return function(*args)

    return wrapper


def double(number: int) -> int:
    return 2 * number


plain = wrapped(double)


@pytest.mark.parametrize(("function", "told"), [
    (numbers, "^numbers is a generator, and a task has one result"),
    (anumbers, "^anumbers is a generator"),
    (Mailer.send, "^Mailer.send is a method, and a worker has no object"),
    (wraps(Mailer.send)(lambda *_args: None), "^Mailer.send is a method"),
    (Mailer.__init__, "is a method"),
    (Mailer.build.__func__, "^Mailer.build is a method"),
])  # fmt: skip
def test_what_a_worker_could_not_call_is_no_task(function: Callable[..., object], told: str) -> None:
    for name in (None, "named"):
        with pytest.raises(TypeError, match=told):
            check_function(function, name)


@pytest.mark.parametrize(("function", "told"), [
    (plain, r"^task 'wrapper' is defined inside wrapped\(\), .* use functools\.wraps there"),
    (lambda: None, "^a lambda has no name by which a worker finds it. Use def"),
])  # fmt: skip
def test_what_a_worker_could_not_find_needs_a_name(function: Callable[..., object], told: str) -> None:
    with pytest.raises(TaskNotImportable, match=told):
        queue.task(function)
    assert queue.task(told)(function).task_name == told


def test_a_function_that_is_no_generator_itself_may_use_one() -> None:
    for function in (managed, Mailer.post, len):
        check_function(function, None)


def test_a_method_that_is_bound_to_its_object_may_be_a_task() -> None:
    for name, method in (("post", Mailer().send), ("build", Mailer.build)):
        assert queue.task(name)(method).task_name == name
