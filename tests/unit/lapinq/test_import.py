"""What is imported when, each seen in a program that begins with nothing imported."""

import subprocess
import sys

import pytest

import lapinq
from lapinq import client
from lapinq_core.domain.tasks import context

SERVER = [
    *("alembic", "argon2", "click", "cron_descriptor", "croniter", "jinja2", "passlib", "prometheus_client"),
    *("python_multipart", "rich", "sqlalchemy", "starlette", "uvicorn", "uvloop", "zxcvbn"),
]
"""What only the server, the worker and the command line need."""
HEAVY = [*SERVER, "asyncio", "fastapi", "httpx", "logging", "psycopg", "pydantic", "ssl"]


def printed(code: str, *arguments: str) -> str:
    # -I -S would leave out the installed package; a plain start shows what a worker child pays.
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_every_published_name_is_there_and_is_the_object_of_its_module() -> None:
    assert set(lapinq.__all__) <= set(dir(lapinq))
    for name in lapinq.__all__:
        assert getattr(lapinq, name) is not None
    with pytest.raises(AttributeError, match="module 'lapinq' has no attribute 'nonsense'"):
        _ = lapinq.nonsense  # pyright: ignore[reportAttributeAccessIssue]
    assert lapinq.TaskQueue is client.TaskQueue
    assert lapinq.current_task is context.current_task


def test_the_modules_of_the_client_need_no_import_of_their_own() -> None:
    modules = ["aio", "client", "errors", "handle", "task", "version"]
    code = (
        "import importlib, sys\n"
        f"for module in {modules}:\n"
        "    for name in [name for name in sys.modules if name.partition('.')[0] == 'lapinq']:\n"
        "        del sys.modules[name]\n"
        "    print(getattr(importlib.import_module('lapinq'), module).__name__)"
    )
    assert printed(code).split() == [f"lapinq.{module}" for module in modules]


@pytest.mark.parametrize("url", ["http://127.0.0.1:8001", "postgresql://localhost/shop"])
def test_declaring_tasks_loads_nothing_heavy_and_schedules_only_what_reads_cron(url: str) -> None:
    heavy = [*HEAVY, "lapinq._client.declaring.schedules", "lapinq_core.domain.schedules.schedule"]
    code = (
        "import sys; from lapinq import AsyncTaskQueue, RetryError, Task, TaskQueue, TaskRef\n"
        f"queue = TaskQueue({url!r})\n@queue.task(timeout=5)\ndef f(): ...\n"
        f"print([name for name in {heavy} if name in sys.modules])\n"
        "queue.cron('@daily')(f); print('croniter' in sys.modules, 'cron_descriptor' in sys.modules)"
    )
    assert printed(code).splitlines() == ["[]", "True False"]


@pytest.mark.parametrize(("url", "unneeded"), [
    ("http://127.0.0.1:1", "psycopg"),
    ("postgresql://127.0.0.1:1/shop", "httpx"),
])  # fmt: skip
def test_enqueueing_needs_nothing_of_the_server(url: str, unneeded: str) -> None:
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({[*SERVER, unneeded]}))\n"
        "import json, lapinq, lapinq.errors\n"
        f"dumps = lapinq.TaskQueue({url!r}, timeout=1).task(json.dumps)\n"
        "try: dumps.queue('text')\nexcept lapinq.errors.ServerUnavailable: print('sent')"
    )
    assert printed(code) == "sent"


def test_the_command_line_starts_without_the_client() -> None:
    code = (
        "import sys, lapinq.cli\ntry: lapinq.cli.main()\n"
        "except SystemExit: print('loaded', [name for name in sys.argv[2:] if name in sys.modules])"
    )
    unwanted = [*HEAVY, "lapinq.client", "lapinq_core.runtime", "msgspec"]
    unwanted.remove("click")
    assert printed(code, "--help", *unwanted).endswith("loaded []")


@pytest.mark.parametrize(("modules", "call", "unwanted"), [
    ("lapinq.commands.worker", "None", ["lapinq_worker.cli", "uvloop"]),
    (  # what only a migration needs
        "lapinq_worker.cli, lapinq_scheduler.cli, lapinq.server, lapinq_core.db.migrate",
        "lapinq_core.db.migrate.head_revision()",
        ["alembic", "mako", "sqlalchemy"],
    ),
])  # fmt: skip
def test_programs_load_nothing_that_only_others_need(modules: str, call: str, unwanted: list[str]) -> None:
    code = f"import sys, {modules}; {call}; print([name for name in {unwanted} if name in sys.modules])"
    assert printed(code) == "[]"


def test_pytest_starts_without_what_the_fixtures_need() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import lapinq.testing.plugin\n"
        "print(sorted(name for name in set(sys.modules) - before if 'lapinq' not in name or name.count('.') > 1))"
    )
    assert printed(code) == "['lapinq.testing.plugin']"


@pytest.mark.parametrize(
    ("module", "kind", "library", "extra"),
    [
        ("opentelemetry", "OpenTelemetry", "opentelemetry", "otel"),
        ("sentry", "Sentry", "sentry_sdk", "sentry"),
    ],
)
def test_a_missing_library_is_told_with_the_extra_that_brings_it(
    module: str, kind: str, library: str, extra: str
) -> None:
    code = (
        f"import sys; from lapinq.middleware.{module} import {kind}\n"
        f"assert {library!r} not in sys.modules\n"
        f"sys.modules[{library!r}] = None\n"
        f"try: {kind}()\nexcept ImportError as error: print(error)"
    )
    assert f"pip install 'lapinq[{extra}]'" in printed(code)
