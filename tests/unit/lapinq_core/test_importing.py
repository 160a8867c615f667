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


def call(module: str, name: str, *args: Any) -> Any:
    return resolve(module, name)(*args)


def test_a_task_is_found_as_the_function_itself(write: Write) -> None:
    write(
        "app.tasks",
        """
        @tq.task
        def double(n): return 2 * n

        @atq.task(name="triple it")
        async def triple(n): return 3 * n
        """,
    )
    found = resolve("app.tasks", "double")
    assert inspect.isfunction(found)
    assert found(4) == 8
    triple = resolve("app.tasks", "triple it")
    assert inspect.iscoroutinefunction(triple)
    assert asyncio.run(triple(4)) == 12


def test_a_registered_name_beats_an_attribute(write: Write) -> None:
    write(
        "names",
        """
        def send(): return "the attribute"

        @tq.task(name="send")
        def other(): return "the task"
        """,
    )
    assert call("names", "send") == "the task"


def test_a_task_of_the_module_beats_one_it_imports_under_the_same_name(write: Write) -> None:
    write("elsewhere", '@tq.task(name="same")\ndef first(): return "imported"')
    write(
        "here",
        """
        @tq.task(name="same")
        def second(): return "own"

        from elsewhere import first
        """,
    )
    assert call("here", "same") == "own"


def test_a_task_imported_from_elsewhere_is_found_too(write: Write) -> None:
    write("origin", '@tq.task(name="there")\ndef first(): return "imported"')
    write("facade", "from origin import first")
    assert call("facade", "there") == "imported"


def test_a_name_may_lead_through_a_class(write: Write) -> None:
    write(
        "mail",
        """
        class Mailer:
            class Inner:
                @staticmethod
                def send(to): return f"inner {to}"

            @staticmethod
            @tq.task
            def send(to): return f"sent to {to}"

            @classmethod
            def name(cls): return cls.__name__
        """,
    )
    assert call("mail", "Mailer.send", "you") == "sent to you"
    assert call("mail", "Mailer.Inner.send", "you") == "inner you"
    assert call("mail", "Mailer.name") == "Mailer"


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

class Anything:
    def __getattr__(self, name): return self

unready, anything = Unready(), Anything()

def __getattr__(name): raise RuntimeError(f"asked for {name}")

"""
MADE = """
def __getattr__(name):
    if name == "double": return lambda n: 2 * n
    raise AttributeError(name)
"""


@pytest.mark.parametrize(
    ("text", "result"),
    [
        (DOUBLE, 8),
        *((f"{OUTER}\n@{one}\n@tq.task\n{DOUBLE}", "wrapped 8") for one in ("outer", "Outer", "Proxy")),
        (f"{OUTER}\n@tq.task\n@outer\n{DOUBLE}", "wrapped 8"),
        (LAZY + DOUBLE, 8),
        (MADE, 8),
    ],
    ids=["plain", "decorated", "by a class", "by a proxy", "decorated inside", "beside lazy objects", "made"],
)
def test_a_function_is_found_with_its_decorators_whatever_else_the_module_has(
    write: Write, text: str, result: object
) -> None:
    write("doubling", text)
    assert call("doubling", "double", 4) == result


def test_options_of_a_task_make_no_second_one(write: Write) -> None:
    write("options", "@tq.task\ndef double(n): return 2 * n\nurgent = double.options(priority=5)")
    assert call("options", "double", 4) == 8
    assert call("options", "urgent", 4) == 8


def test_a_name_that_is_not_there_is_told_with_what_is_and_what_to_do(write: Write, tmp_path: Path) -> None:
    write("few", "@tq.task\ndef one(): ...\n@tq.task(name='two')\ndef second(): ...")
    with pytest.raises(TaskNotFound) as caught:
        resolve("few", "three")
    assert str(caught.value).startswith(
        "module 'few' has no task or function 'three'; registered there: one, two."
        f" It was imported from {tmp_path / 'few.py'}. A worker that runs older code"
    )
    with pytest.raises(TaskNotFound, match="registered there: none"):
        resolve("json", "three")


def test_a_misspelt_name_is_told_with_the_nearest(write: Write) -> None:
    write("close", "@tq.task\ndef send_mail(): ...\n@tq.task\ndef other(): ...")
    with pytest.raises(
        TaskNotFound, match=r"no task or function 'sendmail' \(did you mean 'send_mail'\?\); regis"
    ):
        resolve("close", "sendmail")
    with pytest.raises(
        TaskNotFound,
        match=r"no task or function 'detect_encodin' \(did you mean 'detect_encoding'\?\); registered",
    ):
        resolve("json", "detect_encodin")
    write("package.tasks", "def f(): ...")
    for missing, meant in (("package.taks", "package.tasks"), ("package.tasks.py", "package.tasks")):
        with pytest.raises(
            TaskNotFound, match=rf"no module '{missing}' \(did you mean '{meant}'\?\); searched: "
        ):
            resolve(missing, "f")


def test_the_tasks_of_a_module_can_be_listed(write: Write) -> None:
    write("listed", "@tq.task(name='two')\ndef second(): ...\n@tq.task\ndef one(): ...\ndef plain(): ...")
    assert task_names("listed") == ["one", "two"]
    with pytest.raises(TaskNotFound, match="no module 'no_such_module'"):
        task_names("no_such_module")


def test_a_registered_task_says_how_its_calls_are_enqueued(write: Write) -> None:
    write(
        "defining",
        "other = TaskQueue(queue_name='mail', default_ttl_seconds=60)\n"
        "@other.task(max_retries=5, timeout=2, webhook_url='http://a/?token=1')\ndef one(): ...\n"
        "class Odd:\n"
        "    __lapinq_task__ = 'odd'\n"
        "    @property\n"
        "    def __lapinq_defaults__(self): 1 / 0\n"
        "odd = Odd()",
    )
    write("importing", "from defining import *\n@tq.task\ndef two(): ...")
    found = [structs.replace(task, parameters=None) for task in registered_tasks("importing")]
    assert found == [
        Registered(
            "one", "defining", "mail", {"max_retries": 5, "priority": 0, "timeout": 2, "ttl_seconds": 60}
        ),
        Registered("odd", "defining", None, {}),
        Registered("two", "importing", "default", {"priority": 0}),
    ]


def test_a_registered_task_says_what_its_function_takes(write: Write) -> None:
    write("taking", "@tq.task\ndef one(to: str, copies: int = 1): ...")
    [task] = registered_tasks("taking")
    assert task.parameters is not None
    assert [(one.name, one.type, one.is_required) for one in task.parameters] == [
        ("to", "str", True),
        ("copies", "int", False),
    ]


def test_what_is_no_function_is_told_by_its_type(write: Write) -> None:
    write("values", "answer = 42")
    with pytest.raises(TaskNotFound, match="'answer' in module 'values' is not a function but int"):
        resolve("values", "answer")


@pytest.mark.parametrize("module", ["no_such_module", "json.no_such_module", "no.such.module"])
def test_a_module_that_is_not_there_is_told_with_where_it_was_searched(module: str) -> None:
    with pytest.raises(TaskNotFound, match=r"no module '\S+'; searched: .*Start the worker where"):
        resolve(module, "anything")


def test_a_script_is_told_apart_from_a_missing_module() -> None:
    with pytest.raises(TaskNotFound, match="run as __main__"):
        resolve("__main__", "anything")


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
    assert call("flaky", "f") == 1


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
        ("jobs", ("app.*", "jobs"), True),
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
            "lapinq_core.domain.errors.InvalidValue: cron: ",
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


def test_a_module_to_import_that_is_not_there_is_told() -> None:
    for program in ("worker", "server"):
        told = f"no module 'no_such_module'; searched: .* Start the {program} where the module"
        with pytest.raises(TaskNotFound, match=told):
            prepare_imports(["no_such_module"], program)


RETRYING = "@tq.task(retry=[1, 2], no_retry_for=KeyError)\ndef double(n): return 2 * n\n"


def test_the_handling_of_a_task_is_found_with_it(write: Write) -> None:
    write("handled", f"{RETRYING}\ndef plain(): ...\n@tq.task\ndef simple(): ...")
    function, handling = find("handled", "double")
    assert function(4) == 8
    assert handling == Handling(Delays((1, 2)), (KeyError,))
    assert find("handled", "plain").handling is None
    assert find("handled", "simple").handling is None


@pytest.mark.parametrize("decorator", ["outer", "Outer", "Proxy"])
def test_the_handling_is_found_below_decorators_too(write: Write, decorator: str) -> None:
    write("handled_below", f"{OUTER}\n@{decorator}\n{RETRYING}")
    function, handling = find("handled_below", "double")
    assert function(4) == "wrapped 8"
    assert handling is not None
    assert handling.retry == Delays((1, 2))


def test_options_keep_the_handling_whichever_is_found(write: Write) -> None:
    write("handled_options", f"{RETRYING}\nurgent = double.options(priority=5)")
    handling = find("handled_options", "double").handling
    assert handling is not None
    assert handling.no_retry_for == (KeyError,)


def test_what_only_looks_like_a_handling_is_none(write: Write) -> None:
    write(
        "unhandled",
        """
        class Anything:
            def __getattr__(self, name): return self
            def __call__(self): ...

        class Unready:
            def __getattr__(self, name): raise RuntimeError("not ready")
            def __call__(self): ...

        anything, unready = Anything(), Unready()
        """,
    )
    assert find("unhandled", "anything").handling is None
    assert find("unhandled", "unready").handling is None


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
    assert (call("jobs", "work"), call("jobs", "plain")) == ("ran", "plain")
