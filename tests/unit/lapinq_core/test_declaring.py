"""The schedules that a module declares, as a scheduler reads them."""

import logging

import pytest

from lapinq_core.declaring import NotDeclared, declared, declared_in
from lapinq_core.domain.schedules.schedule import Definition
from tests.unit.lapinq_core.conftest import Write


def test_all_tasks_of_a_module_and_of_its_classes_are_found_once(write: Write) -> None:
    write("lib.mail", "@tq.cron('@daily')\ndef send(): ...")
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

        def counted(function):
            @functools.wraps(function)
            def wrapper(*args): return function(*args)
            return wrapper

        @counted
        @tq.cron("@daily")
        def wrapped(): ...

        @tq.task
        def unplanned(): ...
        """,
    )
    found = {one.name: one for _, one in declared("planned") if isinstance(one, Definition)}
    assert list(found) == [
        *("lib.mail.send", "one", "planned.Mailer.ask", "planned.Mailer.tell"),
        *("planned.tick", "planned.wrapped", "two"),
    ]
    assert found["lib.mail.send"].module_path == "lib.mail"
    assert (found["one"].task_name, found["one"].module_path) == ("sums", "planned")


def test_the_rules_of_all_queues_of_a_module_are_found_once(write: Write) -> None:
    write("lib.queues", "tq.limit('gpu', max_running=1)\natq.breaker('send', failures_in_row=5)")
    write(
        "limited",
        """
        from lib.queues import atq as mails, tq as images
        mails.policy("mail", rate="60/m")
        tq.limit("gpu", max_running=1)
        again = images
        """,
    )
    found = declared("limited")
    assert [(module, one.kind, one.name) for module, one in found] == [
        ("lib.queues", "breaker", "send"),
        ("limited", "limit", "gpu"),
        ("limited", "policy", "mail"),
    ]
    write("other", "from lib.queues import tq\n@tq.cron('@daily')\ndef f(): ...")
    by_module = declared_in(["other", "limited"])
    assert {module: [one.name for one in those] for module, those in by_module.items()} == {
        "other": ["other.f"],
        "lib.queues": ["gpu", "send"],
        "limited": ["mail"],
    }
    write("contradicts", "tq.limit('gpu', max_running=2)")
    with pytest.raises(NotDeclared, match="module 'contradicts': limit 'gpu' is declared twice, with diff"):
        declared_in(["limited", "contradicts"])


def test_a_rule_belongs_to_the_module_whose_code_declares_it(write: Write) -> None:
    write("shop.queues", "")
    write("shop.mail", "from shop.queues import tq")
    write("shop.tasks", "from shop.queues import tq\ntq.limit('mailer', max_running=1)")
    for modules in (["shop.tasks", "shop.mail"], ["shop.mail", "shop.tasks"], ["shop.mail"]):
        by_module = declared_in(modules)
        names = {module: [one.name for one in those] for module, those in by_module.items() if those}
        assert names == {"shop.tasks": ["mailer"]}, modules
    write("generated", """exec("tq.limit('gpu', max_running=1)", {"tq": tq})""")
    assert [module for module, _ in declared("generated")] == ["generated"]


def test_a_module_without_schedules_is_warned_of(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    write("none", "def f(): ...")
    with caplog.at_level(logging.WARNING):
        assert declared("none") == []
    assert "module none declares no schedules, limits, policies or circuit breakers" in caplog.text


def test_what_two_modules_have_belongs_to_the_first_and_no_two_have_one_name(write: Write) -> None:
    write("first", "@tq.cron('@daily')\ndef send(): ...")
    write("second", "from first import send\n@tq.cron('@daily')\ndef tell(): ...")
    found = declared_in(["second", "first"])
    assert {module: [one.name for one in those] for module, those in found.items()} == {
        "second": ["first.send", "second.tell"],
        "first": [],
    }
    write("third", "@tq.cron('@hourly', name='first.send')\ndef send(): ...")
    with pytest.raises(NotDeclared, match=r"module 'third': two are named 'first\.send'"):
        declared_in(["first", "third"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise ValueError('no key')", "in <module>\n    raise ValueError('no key')\nValueError: no key"),
        ("import nowhere", "\nModuleNotFoundError: No module named 'nowhere'"),
        ("@tq.cron('x')\ndef f(): ...", "\nlapinq.errors.InvalidValue: cron: "),
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
def test_what_is_wrong_with_a_module_is_said_in_a_sentence(write: Write, text: str, said: str) -> None:
    write("wrong", text)
    with pytest.raises(NotDeclared, match=r"^schedules of module 'wrong': ") as caught:
        declared("wrong")
    assert said in str(caught.value)


def test_a_module_that_is_not_there_is_said_to_be_missing() -> None:
    with pytest.raises(NotDeclared, match=r"no module 'nowhere'; searched: .* Start the scheduler where"):
        declared("nowhere.tasks")
    with pytest.raises(NotDeclared, match="Start the server where the module"):
        declared_in(["nowhere.tasks"], "server")
