"""In the code that a worker runs: what is wrong is in the task's error, and the other tasks run."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from lapinq.testing import Database, DatabaseWorker
from tests.integration.lapinq.mistakes.mistake import Mistake, check
from tests.support.database.invariants import check_invariants
from tests.support.programs.command_line import lapinq
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task

pytestmark = pytest.mark.http

SAMPLE = "tests.support.sample.tasks"

MODULES = {
    "broken.py": "def settings():\n    raise ValueError('no config')\n\n\nsettings()\n",
    "syntax.py": "def send(:\n",
    "missing.py": "import requets\n",
    "script.py": "import sys\n\nsys.exit(3)\n",
    "tasks.py": "import os\n\n\ndef send_mail():\n    return os.environ['SHOP_SENDER']\n",
}

IMPORTS = [
    Mistake("--import mistaken_shop/tasks.py", 2, "is a file: name its module, mistaken_shop.tasks"),
    Mistake("--import mistaken_shop.tasks.py", 2, "is a file: name its module, mistaken_shop.tasks"),
    Mistake("--import ./mistaken_shop/tasks", 2, "is a file: name its module, mistaken_shop.tasks"),
    Mistake("--middleware mistaken_shop/tasks.py:Tracing", 2, "name its module, mistaken_shop.tasks:Tracing"),
    Mistake(
        "--import mistaken_shop.taks",
        1,
        "no module 'mistaken_shop.taks' (did you mean 'mistaken_shop.tasks'?)",
    ),
    Mistake("--import no_such_module", 1, "no module 'no_such_module'; searched: "),
    Mistake(
        "--import mistaken_shop.script", 1, "'mistaken_shop.script' ends the program when it is imported"
    ),
]

RAISING = [
    ("broken", ["broken.py", "broken.py"], "ValueError: no config"),
    ("syntax", ["syntax.py"], "SyntaxError: invalid syntax"),
    ("missing", ["missing.py"], "ModuleNotFoundError: No module named 'requets'"),
]
"""Modules that raise when they are imported, the files that the traceback shows, and its last line."""

TASKS: list[tuple[str, str, list[Any], str]] = [
    ("no_such_module", "add", [], "TaskNotFound: no module 'no_such_module'"),
    ("mistaken_shop.taks", "send_mail", [], "(did you mean 'mistaken_shop.tasks'?)"),
    ("mistaken_shop.tasks", "sendmail", [], "has no task or function 'sendmail' (did you mean 'send_mail'?)"),
    ("mistaken_shop.broken", "f", [], "ValueError: no config"),
    (SAMPLE, "ad", [], "has no task or function 'ad' (did you mean 'add'?)"),
    (SAMPLE, "add", [1], "missing 1 required positional argument: 'b'; the signature is add(a: int, b: int)"),
    (SAMPLE, "add", [1, 2, 3], "the signature is add(a: int, b: int)"),
    (SAMPLE, "add", [1, "x"], "TypeError: unsupported operand type"),
    (SAMPLE, "unstorable", [], "its result can't be stored as JSON"),
    ("math", "pi", [], "'pi' in module 'math' is not a function but float"),
    ("__main__", "f", [], "from a script run as __main__, which no worker can import"),
]


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = tmp_path / "mistaken_shop"
    package.mkdir()
    for name, text in {"__init__.py": "", **MODULES}.items():
        (package / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)  # pyright: ignore[reportUnknownMemberType]
    return package


def test_modules_that_cannot_be_imported(shop: Path) -> None:
    nowhere = "--database-url postgresql://127.0.0.1:1/x"
    check([one._replace(line=f"worker {nowhere} {one.line}") for one in IMPORTS])


@pytest.mark.parametrize(("module", "files", "error"), RAISING)
def test_a_module_that_raises_shows_the_users_frames_alone(
    shop: Path, module: str, files: list[str], error: str
) -> None:
    done = lapinq("postgresql://127.0.0.1:1/x", "worker", "--import", f"mistaken_shop.{module}")
    told = done.stderr
    frames = [line.split('"')[1] for line in told.splitlines() if line.startswith("  File ")]
    assert done.exit_code == 1
    assert [Path(frame).name for frame in frames] == files
    assert told.splitlines()[0] == f"Error: importing module 'mistaken_shop.{module}' failed"
    assert told.splitlines()[-1] == error


@pytest.mark.parametrize("command", ["scheduler", "server --scheduler"])
def test_a_module_of_schedules_that_cannot_be_imported_ends_the_start(database: str, command: str) -> None:
    done = lapinq(database, *command.split(), "--schedules", "mistaken_shop.missing")
    assert (done.exit_code, done.stdout) == (1, "")
    first, *_, last = done.stderr.splitlines()
    module = "'mistaken_shop.missing'"
    assert first == f"Error: schedules of module {module}: importing module {module} failed"
    assert last == "ModuleNotFoundError: No module named 'requets'"


def test_tasks_that_cannot_run(database: str) -> None:
    wrong = [
        new_task(task_name=name, module_path=module, args=args, max_retries=0)
        for module, name, args, _ in TASKS
    ]
    good = new_task(task_name="add", module_path=SAMPLE, args=[1, 2])
    ids = enqueue_all(database, [*wrong, good])
    DatabaseWorker(Database(database)).drain()
    check_invariants(database, ids)
    with psycopg.connect(database) as conn:
        found = {
            str(task): (status, error, result)
            for task, status, error, result in conn.execute(
                "SELECT id, status, error, result FROM lapinq_task_details"
            )
        }
        [(traceback,)] = conn.execute(
            "SELECT traceback FROM lapinq_attempts WHERE error = 'ValueError: no config'"
        ).fetchall()
    for task, (_, _, _, message) in zip(wrong, TASKS, strict=True):
        status, error, _ = found[task.id]
        assert (status, message in error) == ("failed", True), error
    assert found[good.id] == ("completed", None, "3")
    assert traceback.count("  File ") == traceback.count("/mistaken_shop/broken.py") == 2
