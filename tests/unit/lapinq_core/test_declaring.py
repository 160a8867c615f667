"""The schedules that a module declares, as a scheduler reads them."""

import logging

import pytest

from lapinq_core.declaring import NotDeclared, declared, declared_in
from tests.unit.lapinq_core.conftest import Write


def names(module: str) -> list[str]:
    return [definition.name for definition in declared(module)]


def test_all_tasks_of_a_module_and_of_its_classes_are_found_once(write: Write) -> None:
    write(
        "lib.mail",
        """
        @tq.cron("@daily")
        def send(): ...
        """,
    )
    write(
        "planned",
        """
        from lib.mail import send
        from lib import mail

        @tq.every("15m")
        def tick(): ...

        again = tick

        @atq.cron("@hourly", name="one")
        @atq.cron("@daily", name="two")
        @atq.task("sums")
        async def total(): ...

        class Mailer:
            @staticmethod
            @tq.cron("@weekly")
            def tell(): ...

            @tq.cron("@weekly")
            @staticmethod
            def ask(): ...

        @tq.task
        def unplanned(): ...
        """,
    )
    assert names("planned") == [
        "lib.mail.send",
        "one",
        "planned.Mailer.ask",
        "planned.Mailer.tell",
        "planned.tick",
        "two",
    ]
    found = {definition.name: definition for definition in declared("planned")}
    assert found["lib.mail.send"].module_path == "lib.mail"
    assert (found["one"].task_name, found["one"].module_path) == ("sums", "planned")


def test_a_decorator_of_the_users_around_a_task_does_not_hide_it(write: Write) -> None:
    write(
        "wrapped",
        """
        def counted(function):
            @functools.wraps(function)
            def wrapper(*args): return function(*args)
            return wrapper

        @counted
        @tq.cron("@daily")
        def send(): ...
        """,
    )
    assert names("wrapped") == ["wrapped.send"]


def test_a_module_without_schedules_is_warned_of(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    write("none", "x = 1")
    with caplog.at_level(logging.WARNING):
        assert declared("none") == []
    assert "module none declares no schedules" in caplog.text


def test_what_two_modules_have_belongs_to_the_first(write: Write) -> None:
    write("first", "@tq.cron('@daily')\ndef send(): ...")
    write("second", "from first import send\n@tq.cron('@daily')\ndef tell(): ...")
    found = declared_in(["second", "first"])
    assert {module: [one.name for one in those] for module, those in found.items()} == {
        "second": ["first.send", "second.tell"],
        "first": [],
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise ValueError('no key')", "in <module>\n    raise ValueError('no key')\nValueError: no key"),
        ("import nowhere", "\nModuleNotFoundError: No module named 'nowhere'"),
        ("@tq.cron('x')\ndef f(): ...", "\nlapinq_core.domain.errors.InvalidValue: cron: "),
        ("def f(): ...", None),
        (
            "@tq.cron('@daily', name='a')\ndef f(): ...\n@tq.cron('@daily', name='a')\ndef g(): ...",
            "two are named 'a'",
        ),
        (
            "def make():\n @tq.cron('@daily')\n def f(): ...\n return [f]\nclass A:\n f = make()[0]",
            "is defined inside make()",
        ),
    ],
)
def test_what_is_wrong_with_a_module_is_said_in_a_sentence(write: Write, text: str, said: str | None) -> None:
    write("wrong", text)
    if said is None:
        assert declared("wrong") == []
        return
    with pytest.raises(NotDeclared, match=r"^schedules of module 'wrong': ") as caught:
        declared("wrong")
    assert said in str(caught.value)


def test_a_module_that_is_not_there_is_said_to_be_missing() -> None:
    with pytest.raises(NotDeclared, match=r"no module 'nowhere'; searched: .* Start the scheduler where"):
        declared("nowhere.tasks")
    with pytest.raises(NotDeclared, match="Start the server where the module"):
        declared_in(["nowhere.tasks"], "server")


def test_two_modules_cannot_have_different_schedules_of_one_name(write: Write) -> None:
    write("first", "@tq.cron('@daily', name='a')\ndef send(): ...")
    write("second", "@tq.cron('@hourly', name='a')\ndef send(): ...")
    with pytest.raises(NotDeclared, match="module 'second': two are named 'a'"):
        declared_in(["first", "second"])
