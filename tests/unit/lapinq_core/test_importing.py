"""From module and name to the function, as a worker finds it."""

import asyncio
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from lapinq_core import importing
from lapinq_core.domain.tasks.functions.allow_list import is_allowed
from lapinq_core.domain.tasks.functions.handling import Handling
from lapinq_core.domain.tasks.functions.registered import Registered
from lapinq_core.domain.tasks.retry import Delays
from lapinq_core.importing import (
    ImportFailed,
    TaskNotFound,
    find,
    prepare_imports,
    registered_tasks,
    resolve,
    task_names,
)
from tests.unit.lapinq_core.conftest import Write

OUTER = """
def outer(function):
    @functools.wraps(function)
    def wrapper(*args): return f"wrapped {function(*args)}"
    return wrapper

class Outer:
    def __init__(self, function):
        functools.update_wrapper(self, function)
        self.function = function
    def __call__(self, *args): return f"wrapped {self.function(*args)}"

class Proxy:
    '''Forwards everything, as lazy objects do, and pretends to be of the class of what it stands for.'''
    def __init__(self, target): object.__setattr__(self, "_target", target)
    def __getattribute__(self, name):
        target = object.__getattribute__(self, "_target")
        return getattr(target, name)
    def __call__(self, *args): return f"wrapped {object.__getattribute__(self, '_target')(*args)}"
"""
DOUBLE = "def double(n): return 2 * n"
LAZY = """
class Unready:
    def __getattr__(self, name): raise RuntimeError("not ready")
    def __call__(self): ...

class Anything:
    def __getattr__(self, name): return self
    def __call__(self): ...

unready, anything = Unready(), Anything()

def __getattr__(name): raise RuntimeError(f"asked for {name}")

"""
MADE = """
def __getattr__(name):
    if name == "double": return lambda n: 2 * n
    raise AttributeError(name)
"""
CLASSES = """
class Mailer:
    class Inner:
        @staticmethod
        def send(to): return f"inner {to}"

    @staticmethod
    @tq.task
    def send(to): return f"sent to {to}"

    @classmethod
    def name(cls, _): return cls.__name__
"""
OTHER = '@tq.task(name="same")\ndef first(n): return "imported"'


@pytest.mark.parametrize(
    ("text", "name", "result"),
    [
        (DOUBLE, "double", 8),
        (f"@tq.task\n{DOUBLE}", "double", 8),
        (f"@tq.task\n{DOUBLE}\nurgent = double.options(priority=5)", "urgent", 8),
        ("def send(n): return 'no task'\n@tq.task(name='send')\ndef other(n): return n", "send", 4),
        ("@tq.task(name='same')\ndef own(n): return n\nfrom elsewhere import first", "same", 4),
        ("from elsewhere import first", "same", "imported"),
        (CLASSES, "Mailer.send", "sent to 4"),
        (CLASSES, "Mailer.Inner.send", "inner 4"),
        (CLASSES, "Mailer.name", "Mailer"),
        *(
            (f"{OUTER}\n@{one}\n@tq.task\n{DOUBLE}", "double", "wrapped 8")
            for one in ("outer", "Outer", "Proxy")
        ),
        (f"{OUTER}\n@tq.task\n@outer\n{DOUBLE}", "double", "wrapped 8"),
        (LAZY + DOUBLE, "double", 8),
        (MADE, "double", 8),
    ],
)
def test_a_function_is_found_by_its_name_with_its_decorators_whatever_else_the_module_has(
    write: Write, text: str, name: str, result: object
) -> None:
    write("elsewhere", OTHER)
    write("app.tasks", text)
    assert resolve("app.tasks", name)(4) == result


def test_a_task_is_the_function_itself(write: Write) -> None:
    write("app.tasks", f"@tq.task\n{DOUBLE}\n@atq.task(name='triple it')\nasync def triple(n): return 3 * n")
    assert inspect.isfunction(resolve("app.tasks", "double"))
    triple = resolve("app.tasks", "triple it")
    assert inspect.iscoroutinefunction(triple)
    assert asyncio.run(triple(4)) == 12


# What is not there


def test_a_name_that_is_not_there_is_told_with_what_is_and_what_to_do(write: Write, tmp_path: Path) -> None:
    write("few", "@tq.task\ndef one(): ...\n@tq.task(name='two')\ndef second(): ...")
    with pytest.raises(TaskNotFound) as caught:
        resolve("few", "three")
    assert str(caught.value).startswith(
        "module 'few' has no task or function 'three'; registered there: one, two."
        f" It was imported from {tmp_path / 'few.py'}. A worker that runs older code"
    )


@pytest.mark.parametrize(
    ("module", "name", "told"),
    [
        ("json", "three", "registered there: none"),
        (
            "package.tasks",
            "sendmail",
            r"no task or function 'sendmail' \(did you mean 'send_mail'\?\); regis",
        ),
        ("json", "detect_encodin", r"\(did you mean 'detect_encoding'\?\); registered"),
        ("package.taks", "f", r"no module 'package.taks' \(did you mean 'package.tasks'\?\); searched: "),
        (
            "package.tasks.py",
            "f",
            r"no module 'package.tasks.py' \(did you mean 'package.tasks'\?\); searched: ",
        ),
        ("package.tasks", "answer", "'answer' in module 'package.tasks' is not a function but int"),
        ("no_such_module", "f", "no module 'no_such_module'; searched: .*Start the worker where"),
        ("json.no_such_module", "f", r"no module 'json\.no_such_module'; searched: .*Start the worker where"),
        ("no.such.module", "f", "no module 'no'.*; searched: .*Start the worker where"),
        ("__main__", "f", "run as __main__"),
    ],
)
def test_what_is_not_there_is_told_with_the_nearest(write: Write, module: str, name: str, told: str) -> None:
    write("package.tasks", "@tq.task\ndef send_mail(): ...\n@tq.task\ndef other(): ...\nanswer = 42")
    with pytest.raises(TaskNotFound, match=told):
        resolve(module, name)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("import no_such_dependency", ModuleNotFoundError),
        ("from json import no_such_name", ImportError),
        ("1 / 0", ZeroDivisionError),
        ("raise SystemExit(3)", SystemExit),
        ("def f(:", SyntaxError),
    ],
)
def test_what_a_module_raises_while_it_is_imported_passes_through(
    write: Write, text: str, error: type[BaseException]
) -> None:
    write("broken", text)
    with pytest.raises(error) as caught:
        resolve("broken", "f")
    assert caught.type is error


def test_a_module_that_was_broken_is_tried_again(write: Write, tmp_path: Path) -> None:
    write("flaky", "from pathlib import Path\nPath(__file__).with_name('ready').stat()\ndef f(): return 1")
    with pytest.raises(FileNotFoundError):
        resolve("flaky", "f")
    (tmp_path / "ready").touch()
    assert resolve("flaky", "f")() == 1


@pytest.mark.parametrize(
    ("module", "allowed", "expected"),
    [
        ("app.tasks", (), True),
        ("app.tasks", ("app.*",), True),
        ("app", ("app.*",), False),
        ("app", ("app", "app.*"), True),
        ("apple.tasks", ("app.*",), False),
        ("App.tasks", ("app.*",), False),
        ("os", ("app.*", "jobs"), False),
        ("app.x.tasks", ("app.*.tasks",), True),
    ],
)
def test_modules_are_allowed_by_patterns(module: str, allowed: tuple[str, ...], expected: bool) -> None:
    assert is_allowed(module, allowed) is expected


def test_a_module_that_is_not_allowed_is_not_imported(write: Write) -> None:
    write("forbidden", "raise AssertionError('imported')")
    with pytest.raises(
        TaskNotFound, match=r"'forbidden' is not allowed by LAPINQ_ALLOWED_MODULES \(app\.\*, jobs\)"
    ):
        resolve("forbidden", "f", ("app.*", "jobs"))


# Registered tasks


def test_the_tasks_of_a_module_can_be_listed(write: Write) -> None:
    write("listed", "@tq.task(name='two')\ndef second(): ...\n@tq.task\ndef one(): ...\ndef plain(): ...")
    assert task_names("listed") == ["one", "two"]
    with pytest.raises(TaskNotFound, match="no module 'no_such_module'"):
        task_names("no_such_module")


def test_a_registered_task_says_how_its_calls_are_enqueued_and_what_its_function_takes(write: Write) -> None:
    write(
        "defining",
        "other = TaskQueue(queue_name='mail', default_ttl_seconds=60)\n"
        "@other.task(max_retries=5, retry=[1, 60, 60], timeout=2, webhook_url='http://a/?token=1', version='2')\n"
        "def one(to: str, copies: int = 1): ...\n"
        "class Odd:\n"
        "    __lapinq_task__ = 'odd'\n"
        "    @property\n"
        "    def __lapinq_defaults__(self): 1 / 0\n"
        "odd = Odd()",
    )
    write("importing", "from defining import *\n@tq.task\ndef two(): ...")
    found = registered_tasks("importing")
    assert [structs.replace(task, parameters=None) for task in found] == [
        Registered(
            "one",
            "defining",
            "mail",
            {"max_retries": 5, "priority": 0, "timeout": 2, "ttl_seconds": 60},
            version="2",
            retry_delays=[1, 60],
        ),
        Registered("odd", "defining", None, {}, retry_delays=[]),
        Registered("two", "importing", "default", {"priority": 0}, retry_delays=[]),
    ]
    assert [(one.name, one.type, one.is_required) for one in found[0].parameters or []] == [
        ("to", "str", True),
        ("copies", "int", False),
    ]


RETRYING = f"@tq.task(retry=[1, 2], no_retry_for=KeyError)\n{DOUBLE}\n"
HANDLING = Handling(Delays((1, 2)), (KeyError,))


@pytest.mark.parametrize(
    ("text", "name", "handling"),
    [
        (RETRYING, "double", HANDLING),
        *((f"{OUTER}\n@{one}\n{RETRYING}", "double", HANDLING) for one in ("outer", "Outer", "Proxy")),
        (f"{RETRYING}\nurgent = double.options(priority=5)", "double", HANDLING),
        (DOUBLE, "double", None),
        (f"@tq.task\n{DOUBLE}", "double", None),
        (LAZY, "anything", None),
        (LAZY, "unready", None),
    ],
)
def test_the_handling_of_a_task_is_found_with_it_below_decorators_too(
    write: Write, text: str, name: str, handling: Handling | None
) -> None:
    write("handled", text)
    assert find("handled", name).handling == handling


def test_an_object_of_another_framework_is_found_as_the_function_that_stands_for_it(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def function_of(found: object) -> Any:
        return vars(found)["run"] if type(found).__name__ == "Job" else None

    monkeypatch.setattr(importing, "_recognized", list[Any]())
    write("jobs", "class Job: ...\nwork = Job()\nwork.run = lambda: 'ran'\ndef plain(): return 'plain'")
    with pytest.raises(TaskNotFound, match="not a function but Job"):
        resolve("jobs", "work")
    importing.recognize(function_of)
    assert (resolve("jobs", "work")(), resolve("jobs", "plain")()) == ("ran", "plain")


# Imports before the first task


def test_the_working_directory_becomes_importable(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("at_hand", "def f(): return 1")
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry not in ("", str(tmp_path))])
    monkeypatch.chdir(tmp_path)
    prepare_imports(["at_hand"])
    assert sys.path[0] == str(tmp_path)
    assert "at_hand" in sys.modules
    before = sys.path[:]
    prepare_imports([])
    assert sys.path == before


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "def f():\n    raise ValueError('no key')\nf()",
            "importing module 'faulty' failed\nTraceback (most recent call last):\n"
            '  File "FILE", line 9, in <module>\n    f()\n  File "FILE", line 8, in f\n'
            "    raise ValueError('no key')\nValueError: no key",
        ),
        (
            "@tq.cron('x')\ndef f(): ...",
            "importing module 'faulty' failed\nTraceback (most recent call last):\n"
            """  File "FILE", line 7, in <module>\n    @tq.cron('x')\n"""
            "lapinq.errors.InvalidValue: cron: ",
        ),
        ("import sys; sys.exit(3)", "module 'faulty' ends the program when it is imported: SystemExit(3)"),
    ],
)
def test_a_module_to_import_that_raises_is_told_with_the_users_frames_alone(
    write: Write, tmp_path: Path, text: str, told: str
) -> None:
    write("faulty", text)
    with pytest.raises(ImportFailed) as failed:
        prepare_imports(["faulty"])
    message = re.sub(r" +[~^]+\n", "", str(failed.value))
    assert message.replace(str(tmp_path / "faulty.py"), "FILE").startswith(told)


@pytest.mark.parametrize("program", ["worker", "server"])
def test_a_module_to_import_that_is_not_there_is_told(program: str) -> None:
    told = f"no module 'no_such_module'; searched: .* Start the {program} where the module"
    with pytest.raises(TaskNotFound, match=told):
        prepare_imports(["no_such_module"], program)
