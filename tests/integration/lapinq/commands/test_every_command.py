"""Each command that takes `--server` prints JSON, on the database and through a server with a key."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from lapinq.cli import cli
from lapinq.server import create_app
from tests.integration.lapinq.commands.conftest import KEY
from tests.support.database.postgres import private_database
from tests.support.http.serving import serving
from tests.support.programs.command_line import lapinq_at

pytestmark = pytest.mark.http

TASKS = "tests.support.sample.tasks"
ELSEWHERE = {
    "api",  # prints what it gets
    "bulk show",  # test_bulk_actions.py has an action for them
    "bulk stop",
    "apply",  # works on the database only, as `user password` does
    "queue skip",  # test_queue.py has a blocked key for it
    "user password",
    "webhook show",  # test_webhook.py has webhooks for them
    "webhook resend",
}


@pytest.fixture(scope="module")
def guarded(postgres_url: str, template_database: str) -> Iterator[tuple[str, str]]:
    """The URL of a database, and of a server on it with a worker."""
    with private_database(postgres_url, template_database) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAPINQ_WORKER_NAME", "only")
        with serving(create_app(url, KEY, worker=True)) as client:
            yield url, str(client.base_url)


def commands(command: click.Command = cli, path: str = "") -> Iterator[str]:
    """Those that take `--server`, as they are called."""
    ctx = click.Context(command)
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            below = command.get_command(ctx, name)
            assert below is not None
            yield from commands(below, f"{path} {name}".strip())
    elif "--server" in {flag for param in command.params for flag in param.opts}:
        yield path


@pytest.mark.parametrize("place", [pytest.param("database", marks=pytest.mark.slow), "server"])
def test_each_prints_json(guarded: tuple[str, str], place: str, tmp_path: Path) -> None:
    database, server = ("--database-url", guarded[0]), ("--server", guarded[1], "--api-key", KEY)
    where = database if place == "database" else server
    ran: set[str] = set()

    def said(command: str, *arguments: str, stdin: str = "", code: int = 0) -> Any:
        done = lapinq_at(where, *command.split(), *arguments, "--json", stdin=stdin)
        assert done.exit_code == code, (command, done.stderr)
        ran.add(command)
        return json.loads(done.stdout)

    def enqueued(function: str, *arguments: str) -> str:
        return said("task enqueue", f"{TASKS}:{function}", *arguments, "--queue", place)["task_id"]

    done = enqueued("aadd", "1", "2")
    said("task wait", done)
    failed = enqueued("afail", "no", "--max-retries", "0")
    said("task wait", failed, code=1)
    for verb in ("get", "why", "steps", "logs", "rerun"):
        said(f"task {verb}", done)
    assert {one["id"] for one in said("task list", "--queue", place)} >= {done, failed}
    said("task requeue", failed)
    said("task run", enqueued("aadd", "1", "2", "--in", "1h"))
    said("task signal", enqueued("aadd", "1", "2", "--in", "1h"), "approved", "true")
    said("task cancel", enqueued("aadd", "1", "2", "--in", "1h"))
    said("task delete", done)

    said("queue set", place, "--max-running", "5")
    said("queue set", place, "--order", "strict_per_key")
    said("queue unblock", place, "--by", "skip", "--all")
    said("queue close-breaker", place)
    for verb in ("pause", "show", "resume", "keys"):
        said(f"queue {verb}", place)
    said("queue purge", place, "--yes")
    said("limit set", f"l-{place}", "--max-running", "5", "--rate", "10/1/20")
    for verb in ("show", "open"):
        said(f"limit {verb}", f"l-{place}")
    said("limit delete", f"l-{place}", "--yes")
    said("breaker set", f"b-{place}", "--create", "--failures-in-row", "5", "--retry-after", "10")
    for verb in ("show", "close"):
        said(f"breaker {verb}", f"b-{place}")
    said("breaker remove", f"b-{place}", "--yes")
    entry = {"ref": "a", "task_name": "afail", "module_path": TASKS, "args": ["no"], "max_retries": 0}
    flow = json.dumps({"name": f"w-{place}", "tasks": [entry]})
    stored = lapinq_at(where, "api", "POST", "/api/v1/workflows", "--input", "-", stdin=flow)
    for verb, code in (("watch", 1), ("show", 0), ("retry", 0), ("cancel", 0)):
        said(f"workflow {verb}", json.loads(stored.stdout)["workflow_id"], code=code)
    for what in ("queue", "workflow", "limit", "breaker", "bulk", "webhook", "user", "key", "audit"):
        said(f"{what} list")
    said("functions")
    said("registered")
    said("top")
    said("doctor", code=1)  # the default password

    said("user add", f"u-{place}", "--password-stdin", stdin="correct horse")
    said("user permit", f"u-{place}", "mail=cancel", "--create")
    said("user reads", f"u-{place}", "mail", "--create")
    said("user role", f"u-{place}", "admin")
    said("user delete", f"u-{place}")
    said("key create", f"k-{place}", "--scope", "read")
    said("key delete", f"k-{place}")

    name = f"s-{place}"
    file = tmp_path / f"{place}.json"
    schedule = {"name": name, "task_name": "aadd", "module_path": TASKS, "every": "1h", "args": [1, 2]}
    file.write_text(json.dumps({"schedules": [schedule]}))
    applied = lapinq_at(database, "schedule", "apply", str(file))
    assert applied.exit_code == 0, applied.stderr
    for verb in ("show", "disable", "enable", "run", "next"):
        said(f"schedule {verb}", name)
    said("schedule list")
    said("schedule delete", name, "--yes")

    said("worker list")
    for verb in ("show", "quiet", "resume"):
        said(f"worker {verb}", "only")
    if place == "server":  # the last to need it
        said("worker stop", "only")
        assert ran == set(commands()) - ELSEWHERE


def test_other_words_lead_to_commands() -> None:
    groups = [
        cli,
        *(cli.get_command(click.Context(cli), name) for name in cli.list_commands(click.Context(cli))),
    ]
    for group in groups:
        for word, meant in getattr(group, "meant", {}).items():
            done = lapinq_at((), *meant.split(), *([] if meant.startswith("--") else ["--help"]))
            assert done.exit_code == 0, (word, done.output)
