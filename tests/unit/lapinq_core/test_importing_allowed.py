"""With `LAPINQ_ALLOWED_MODULES`: what a name may lead to, beyond which modules are imported."""

import pytest

from lapinq_core.importing import TaskNotAllowed, find, resolve
from tests.unit.lapinq_core.conftest import Write

ALLOWED = ("app.*", "math", "operator")

TASKS = """
import os, subprocess, contextlib
import app.jobs, app.jobs as jobs, lib.plain as plain
from functools import lru_cache, partial, singledispatch
from os import system
from subprocess import Popen
from lib.plain import Base, borrowed, decorated, instance, registered, retrying
from app.jobs import shared

def double(n): return 2 * n

@tq.task
def quadruple(n): return 4 * n

@tq.task(name="triple it")
def triple(n): return 3 * n

@retrying
def retried(n): return 5 * n

@retrying
@tq.task
def retried_task(n): return 6 * n

@functools.wraps(os.system)
def wrapping(command): return f"own {command}"

@lru_cache
def cached(n): return 7 * n

@singledispatch
def dispatched(n): return 8 * n

@contextlib.contextmanager
def opened(): yield

class Mailer(Base):
    def __init__(self, to=""): self.to = to

    class Inner:
        @staticmethod
        def send(to): return f"inner {to}"

    @staticmethod
    def send(to): return f"sent to {to}"

    @staticmethod
    @tq.task
    def post(to): return f"posted to {to}"

    @classmethod
    def name(cls): return cls.__name__

    def hello(self): return f"hello {self.to}"

    def __call__(self): return "called"

    shell = staticmethod(os.system)
    process = Popen

class Decorated:
    def __init__(self, function): functools.update_wrapper(self, function); self.function = function
    def __call__(self, *args): return self.function(*args)

@Decorated
def by_class(n): return 9 * n

class Endless:
    def __getattr__(self, name): return self
    def __call__(self): ...

class Raising:
    def __getattr__(self, name): raise RuntimeError("not ready")
    def __call__(self): ...

mailer, endless, raising = Mailer("you"), Endless(), Raising()
shell, small_shell = partial(os.system), lambda command: command
run = subprocess.run
"""

JOBS = """
import os
def shared(n): return 10 * n
def _hidden(): ...
"""

LIB = """
def retrying(function):
    @functools.wraps(function)
    def wrapper(*args): return function(*args)
    return wrapper

def borrowed(): ...

@retrying
def decorated(): ...

class Base:
    @classmethod
    def inherited(cls): ...

class Callable:
    def __call__(self): ...

instance = Callable()

@tq.task
def registered(): return "registered"
"""


@pytest.fixture(autouse=True)
def app(write: Write) -> None:
    write("lib.plain", LIB)
    write("app.jobs", JOBS)
    write("app.tasks", TASKS)


@pytest.mark.parametrize(
    ("module", "name", "args", "result"),
    [
        ("app.tasks", "double", (2,), 4),
        ("app.tasks", "quadruple", (2,), 8),
        ("app.tasks", "triple it", (2,), 6),
        ("app.tasks", "retried", (2,), 10),
        ("app.tasks", "retried_task", (2,), 12),
        ("app.tasks", "wrapping", ("ls",), "own ls"),
        ("app.tasks", "cached", (2,), 14),
        ("app.tasks", "dispatched", (2,), 16),
        ("app.tasks", "by_class", (2,), 18),
        ("app.tasks", "small_shell", (2,), 2),
        ("app.tasks", "shared", (2,), 20),
        ("app.tasks", "jobs.shared", (2,), 20),
        ("app.tasks", "registered", (), "registered"),
        ("app.tasks", "Mailer.send", ("you",), "sent to you"),
        ("app.tasks", "Mailer.post", ("you",), "posted to you"),
        ("app.tasks", "Mailer.Inner.send", ("you",), "inner you"),
        ("app.tasks", "Mailer.name", (), "Mailer"),
        ("app.tasks", "mailer.hello", (), "hello you"),
        ("math", "factorial", (5,), 120),
        ("operator", "add", (1, 2), 3),
    ],
)
def test_tasks_functions_and_classes_of_allowed_modules_may_be_called(
    module: str, name: str, args: tuple[object, ...], result: object
) -> None:
    assert resolve(module, name, ALLOWED)(*args) == result


def test_a_class_of_an_allowed_module_may_be_called() -> None:
    for name in ("Mailer", "Mailer.Inner", "opened"):
        assert callable(resolve("app.tasks", name, ALLOWED)), name


NOT_ALLOWED = [
    "os.system", "system", "os.path.join", "subprocess.run", "run", "Popen", "Popen.communicate", "partial", "shell",
    "plain.borrowed", "plain.registered", "borrowed", "decorated", "retrying", "Base", "instance", "mailer",
    "endless", "raising", "endless.anything", "Mailer.inherited", "Mailer.shell", "Mailer.process", "Mailer.mro",
    "cached.cache_clear", "quadruple.queue", "tq.task", "jobs.os.system", "app.jobs.shared",
]  # fmt: skip


@pytest.mark.parametrize("name", NOT_ALLOWED)
def test_nothing_else_may_be_called_through_an_allowed_module(name: str) -> None:
    with pytest.raises(TaskNotAllowed, match=r"LAPINQ_ALLOWED_MODULES \(app\.\*, math, operator\)"):
        find("app.tasks", name, ALLOWED)
    assert callable(resolve("app.tasks", name))


@pytest.mark.parametrize(
    "name",
    ["__loader__.get_data", "__builtins__", "_hidden", "double.__call__", "Mailer.__subclasses__", "jobs._x"],
)
def test_no_part_of_a_name_begins_with_an_underscore(write: Write, name: str) -> None:
    write("app.broken", "raise AssertionError('imported before the name was refused')")
    for module in ("app.tasks", "app.jobs", "app.broken"):
        with pytest.raises(TaskNotAllowed, match="LAPINQ_ALLOWED_MODULES"):
            find(module, name, ALLOWED)


def test_a_module_cannot_be_walked_into_through_what_pretends_to_be_none(write: Write) -> None:
    write(
        "app.lazy",
        """
        import os

        class Proxy:
            def __getattribute__(self, name): return getattr(os, name)

        lazy = Proxy()
        """,
    )
    with pytest.raises(TaskNotAllowed):
        find("app.lazy", "lazy.system", ALLOWED)
