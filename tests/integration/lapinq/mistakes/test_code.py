"""In the code that a worker runs: what is wrong is in the task's error, and the other tasks run."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from lapinq.testing import Database, DatabaseWorker
from tests.integration.lapinq.mistakes.mistake import NOWHERE, check
from tests.support.database.invariants import check_invariants
from tests.support.programs.command_line import lapinq, lapinq_at
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task

pytestmark = pytest.mark.http

SAMPLE = "tests.support.sample.tasks"

MODULES = {
    "broken.py": "def settings():\n    raise ValueError('no config')\n\n\nsettings()\n",
    "syntax.py": "def send(:\n",
    "missing.py": "import requets\n",
    "script.py": "import sys\n\nsys.exit(3)\n",
    "unguarded.py": (
        "from lapinq import TaskQueue\n\nqueue = TaskQueue('http://127.0.0.1:1', timeout=0.1)\n\n\n"
        "@queue.task\ndef send(): ...\n\n\nprint(send.queue().result())\n"
    ),
    "unguarded_batch.py": (
        "from lapinq import TaskQueue\n\nqueue = TaskQueue('http://127.0.0.1:1', timeout=0.1)\n\n\n"
        "@queue.task\ndef send(): ...\n\n\nqueue.batch_enqueue([send.entry()])\n"
    ),
    "unguarded_async_batch.py": (
        "import asyncio\n\nfrom lapinq import AsyncTaskQueue\n\n"
        "queue = AsyncTaskQueue('http://127.0.0.1:1', timeout=0.1)\n\n\n"
        "@queue.task\ndef send(): ...\n\n\nasyncio.run(queue.batch_enqueue([send.entry()]))\n"
    ),
    "tasks.py": "import os\n\n\ndef send_mail():\n    return os.environ['SHOP_SENDER']\n",
}

IMPORTS = """
2 | worker --import mistaken_shop/tasks.py | is a file: name its module, mistaken_shop.tasks
2 | worker --import mistaken_shop.tasks.py | is a file: name its module, mistaken_shop.tasks
2 | worker --import ./mistaken_shop/tasks | is a file: name its module, mistaken_shop.tasks
2 | worker --middleware mistaken_shop/tasks.py:Tracing | name its module, mistaken_shop.tasks:Tracing
1 | worker --import mistaken_shop.taks | no module 'mistaken_shop.taks' (did you mean 'mistaken_shop.tasks'?)
1 | worker --import no_such_module | no module 'no_such_module'; searched:
1 | worker --import mistaken_shop.script | 'mistaken_shop.script' ends the program when it is imported
"""

TASKS: list[tuple[str, str, list[Any], str]] = [
    ("no_such_module", "add", [], "TaskNotFound: no module 'no_such_module'"),
    ("mistaken_shop.taks", "send_mail", [], "(did you mean 'mistaken_shop.tasks'?)"),
    ("mistaken_shop.tasks", "sendmail", [], "has no task or function 'sendmail' (did you mean 'send_mail'?)"),
    ("mistaken_shop.broken", "f", [], "ValueError: no config"),
    (
        "mistaken_shop.unguarded",
        "send",
        [],
        'what the script itself does behind `if __name__ == "__main__":`',
    ),
    (
        "mistaken_shop.unguarded_batch",
        "send",
        [],
        "a batch is enqueued while 'mistaken_shop.unguarded_batch' is",
    ),
    (
        "mistaken_shop.unguarded_async_batch",
        "send",
        [],
        "a batch is enqueued while 'mistaken_shop.unguarded_",
    ),
    (SAMPLE, "ad", [], "has no task or function 'ad' (did you mean 'add'?)"),
    (SAMPLE, "add", [1], "missing 1 required positional argument: 'b'; the signature is add(a: int, b: int)"),
    (SAMPLE, "add", [1, 2, 3], "the signature is add(a: int, b: int)"),
    (SAMPLE, "add", [1, "x"], "TypeError: unsupported operand type"),
    (SAMPLE, "unstorable", [], "its result can't be stored as JSON"),
    ("math", "pi", [], "'pi' in module 'math' is not a function but float"),
    ("__main__", "f", [], "from a script run as __main__, which no worker can import"),
]


@pytest.fixture(autouse=True)
def _shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "mistaken_shop"
    package.mkdir()
    for name, text in {"__init__.py": "", **MODULES}.items():
        (package / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)  # pyright: ignore[reportUnknownMemberType]


def test_modules_that_cannot_be_imported() -> None:
    check(IMPORTS, NOWHERE)


def test_a_module_that_raises_shows_the_users_frames_alone() -> None:
    for module, files, error in (
        ("broken", ["broken.py", "broken.py"], "ValueError: no config"),
        ("syntax", ["syntax.py"], "SyntaxError: invalid syntax"),
        ("missing", ["missing.py"], "ModuleNotFoundError: No module named 'requets'"),
    ):
        done = lapinq_at(NOWHERE, "worker", "--import", f"mistaken_shop.{module}")
        first, *lines, last = done.stderr.splitlines()
        assert done.exit_code == 1
        assert first == f"Error: importing module 'mistaken_shop.{module}' failed"
        assert last == error
        frames = [line.split('"')[1] for line in lines if line.startswith("  File ")]
        assert [Path(frame).name for frame in frames] == files


def test_a_module_of_schedules_that_cannot_be_imported_ends_the_start(in_use: str) -> None:
    module = "'mistaken_shop.missing'"
    for command in ("scheduler", "server --scheduler"):
        done = lapinq(in_use, *command.split(), "--schedules", "mistaken_shop.missing")
        assert (done.exit_code, done.stdout) == (1, "")
        first, *_, last = done.stderr.splitlines()
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
        rows = conn.execute("SELECT id::text, status, error, result FROM lapinq_task_details").fetchall()
        [(traceback,)] = conn.execute(
            "SELECT traceback FROM lapinq_attempts WHERE error = 'ValueError: no config'"
        ).fetchall()
    found = {task: (status, error, result) for task, status, error, result in rows}
    for task, (_, _, _, message) in zip(wrong, TASKS, strict=True):
        status, error, _ = found[task.id]
        assert (status, message in error) == ("failed", True), error
    assert found[good.id] == ("completed", None, "3")
    assert traceback.count("  File ") == traceback.count("/mistaken_shop/broken.py") == 2
