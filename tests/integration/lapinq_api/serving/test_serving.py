"""The programs: what they print, how they stop, and with which exit code they give up."""

import signal
import socket
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from lapinq.commands.server import server
from lapinq_api.cli import api
from lapinq_core.runtime import exits
from tests.integration.tasks.test_inspect import get
from tests.support.database import postgres
from tests.support.database.running import on_connections
from tests.support.eventually import eventually
from tests.support.programs.processes import ApiProcess, Program

PUBLISHED = (
    "--host --port --database-url --concurrency --log-level --worker --worker-concurrency --worker-poll-interval"
    " --worker-timeout --cleanup-interval --scheduler --scheduler-interval"
)


@pytest.fixture
def empty_database(postgres_url: str) -> Iterator[str]:
    with postgres.private_database(postgres_url) as url:
        yield url


class ApiAlone(Program):
    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "lapinq_api.cli", *arguments]


def test_the_server_migrates_says_where_it_is_and_stops_on_sigterm(empty_database: str) -> None:
    # The API alone does not, and says so.
    with ApiAlone("--port", "0", "--database-url", empty_database) as program:
        address = program.said(r"(?s)run `lapinq migrate`.*(http://\S+)")[1]
        assert httpx.get(f"{address}health", trust_env=False).status_code == 503
        assert program.stop() == 0
    with ApiProcess(empty_database) as program:
        address = program.said(
            r"lapinq \S+ · dashboard (http://127\.0\.0\.1:\d+/) · log in as lapinq / lapinq\n"
        )[1]
        health = httpx.get(f"{address}health", trust_env=False).json()
        assert health == {"status": "ok", "database": "connected"}
        assert program.stop() == 0
        assert "Traceback" not in program.output


def test_a_second_signal_makes_the_worker_inside_hand_back_what_runs(database: str) -> None:
    with ApiProcess(database, "--worker", "--worker-pool", "threads") as program:
        with httpx.Client(base_url=program.url, trust_env=False) as client:
            task = {"task_name": "sleep", "module_path": "time", "args": [60]}
            task_id = client.post("/api/v1/enqueue", json=task).json()["task_id"]
            eventually(lambda: client.get(f"/api/v1/tasks/{task_id}").json()["status"] == "running")
        program.signal(signal.SIGINT)
        program.said("waiting up to")

        def insisted() -> bool:
            # Signals within moments of each other count as one, so it is sent until it is taken for a second.
            if "releasing" not in program.output:
                program.signal(signal.SIGINT)
            return "releasing" in program.output

        eventually(insisted, interval=0.2)
        assert program.wait(timeout=15) == 0
        assert "Traceback" not in program.output
    assert on_connections(database, partial(get, task_id=task_id))["status"] == "pending"


def run(*arguments: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    """The exit code of a server that gives up, and what it wrote."""
    result = CliRunner().invoke(server, arguments, env=env)
    assert "Traceback" not in result.output
    return result.exit_code, result.output


def test_a_port_that_is_taken_is_said_plainly(database: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, output = run("--port", str(port), "--database-url", database)
    way_on = "choose another with --port, or --port 0 for a free one"
    assert (code, output) == (exits.FAILED, f"Error: port {port} of 127.0.0.1 is in use; {way_on}\n")


@pytest.mark.parametrize(
    ("arguments", "env", "code", "part"),
    [
        (["--port", "x"], {}, exits.USAGE, "Invalid value for '--port'"),
        (["--api-key", ""], {}, exits.EMPTY_SETTING, "--api-key is set but empty"),
        ([], {"LAPINQ_API_KEY": ""}, exits.EMPTY_SETTING, "LAPINQ_API_KEY is set but empty"),
        ([], {"LAPINQ_ALLOWED_MODULES": ","}, exits.EMPTY_SETTING, "LAPINQ_ALLOWED_MODULES is set but empty"),
        ([], {"LAPINQ_LOG_LEVEL": "LOUD"}, exits.USAGE, "expected debug, info, warning or error, got 'LOUD'"),
        (["--port", "0", "--database-url", "top:secret"], {}, exits.USAGE, "the URL of the database is not valid"),
        (["--host", "no.such.host.invalid"], {}, exits.FAILED, "has no address"),
        (["--worker", "--import", "no_such_module"], {}, exits.FAILED, "no module 'no_such_module'"),
        (["--port", "0", "--pg-bin", "{folder}"], {}, exits.NO_DATABASE, "DATABASE_URL"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_before_anything_starts(
    arguments: list[str], env: dict[str, str], code: int, part: str, tmp_path: Path
) -> None:
    exit_code, output = run(*(one.format(folder=tmp_path) for one in arguments), env=env)
    assert (exit_code, part in output) == (code, True), output
    assert "secret" not in output


def test_help_names_every_published_flag_and_the_variable_of_each() -> None:
    help_of_server = CliRunner().invoke(server, ["--help"], terminal_width=200).output
    for flag in PUBLISHED.split():
        assert f"{flag} " in help_of_server
    for variable in ("LAPINQ_DATABASE_URL, DATABASE_URL", "LAPINQ_HOST", "LAPINQ_PORT", "LAPINQ_SCHEDULER"):
        assert f"env: {variable}]" in help_of_server
    help_of_api = CliRunner().invoke(api, ["--help"], terminal_width=200).output
    assert "--worker" not in help_of_api
    assert "--rate-limit" in help_of_api
