import importlib
import runpy
from pathlib import Path

import pytest

TWINS = """
from lapinq import TaskQueue

queue = TaskQueue()


@queue.task("send")
def by_mail(): ...


@queue.task("send")
def by_post(): ...
"""
ONE = TWINS.partition('@queue.task("send")\ndef by_post')[0]
AGAIN = """
from lapinq import TaskQueue

mail, bulk = TaskQueue(), TaskQueue(queue_name="bulk")


def send(): ...


def make(number):
    @mail.task(name="made")
    def made(): ...

    return made


def make_another():
    @mail.task(name="made")
    def made(): ...

    return made


for task in (mail.task, bulk.task, mail.task("another")):
    task(send)
for number in range(2):
    make(number)
make_another()
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)  # pyright: ignore[reportUnknownMemberType]
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    return tmp_path / f"{tmp_path.name}_module.py"


def test_two_functions_of_a_module_cannot_have_one_name(module: Path) -> None:
    module.write_text(TWINS)
    with pytest.raises(
        ValueError, match=r"'send': by_mail \(line 7\) and by_post \(line 11\)\. A worker would"
    ):
        importlib.import_module(module.stem)


def test_a_module_may_be_imported_again(module: Path) -> None:
    module.write_text(ONE)
    imported = importlib.import_module(module.stem)
    module.write_text(f"\n\n{ONE}".replace("by_mail", "by_post"))
    assert importlib.reload(imported).by_post.task_name == "send"


def test_one_function_may_be_a_task_more_than_once(module: Path) -> None:
    module.write_text(AGAIN)
    importlib.import_module(module.stem)


def test_a_script_may_define_a_task_again_as_notebooks_do(module: Path) -> None:
    module.write_text(TWINS)
    assert runpy.run_path(str(module), run_name="__main__")["by_post"].task_name == "send"
