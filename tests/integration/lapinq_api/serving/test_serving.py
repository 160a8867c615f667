"""The programs: what they print, how they stop, and with which exit code they give up."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from lapinq.commands.server import server
from lapinq_api.cli import api
from lapinq_core.runtime import exits
from tests.support.database import postgres
from tests.support.eventually import eventually
from tests.support.programs.embedded import open_directory
from tests.support.programs.processes import REPOSITORY, ApiProcess, Program

PUBLISHED = (
    "--host --port --database-url --concurrency --log-level --worker --worker-concurrency --worker-poll-interval"
    " --worker-timeout --cleanup-interval --scheduler --scheduler-interval"
)


@pytest.fixture
def empty_database(postgres_url: str) -> Iterator[str]:
    with postgres.private_database(postgres_url) as url:
        yield url


def _run(*arguments: str, module: str = "lapinq", env: dict[str, str] | None = None) -> tuple[int, str]:
    """The exit code of a program that ends by itself, and what it wrote."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, **(env or {})},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_server_migrates_says_where_it_is_and_stops_on_sigterm(empty_database: str) -> None:
    with ApiProcess(empty_database) as program:
        address = program.said(
            r"lapinq \S+ · dashboard (http://127\.0\.0\.1:\d+/) · log in as lapinq / lapinq\n"
        )[1]
        assert httpx.get(f"{address}health", trust_env=False).json() == {
            "status": "ok",
            "database": "connected",
        }
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
    with ApiProcess(database) as program:
        assert (
            httpx.get(f"{program.url}/api/v1/tasks/{task_id}", trust_env=False).json()["status"] == "pending"
        )


def test_without_a_database_named_the_server_uses_the_embedded_one() -> None:
    with (
        open_directory() as directory,
        Program("server", "--port", "0", "--data-dir", str(directory / "data")) as program,
    ):
        program.said("embedded PostgreSQL, for development: postgresql://")
        address = program.said(r"dashboard (http://\S+)")[1]
        assert httpx.get(f"{address}health", trust_env=False).status_code == 200
        assert program.stop() == 0


def test_without_programs_for_the_embedded_one_it_says_how_to_go_on(tmp_path: Path) -> None:
    code, output = _run("server", "--port", "0", "--pg-bin", str(tmp_path))
    assert code == exits.NO_DATABASE
    assert "DATABASE_URL" in output
    assert "Traceback" not in output


def test_a_port_that_is_taken_is_said_plainly(database: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, output = _run("server", "--port", str(port), "--database-url", database)
    assert code == exits.FAILED
    way_on = "choose another with --port, or --port 0 for a free one"
    assert output == f"Error: port {port} of 127.0.0.1 is in use; {way_on}\n"


@pytest.mark.parametrize(
    ("arguments", "env", "code", "part"),
    [
        (["--port", "x"], {}, exits.USAGE, "Invalid value for '--port'"),
        (["--api-key", ""], {}, exits.EMPTY_SETTING, "--api-key is set but empty"),
        ([], {"LAPINQ_API_KEY": ""}, exits.EMPTY_SETTING, "LAPINQ_API_KEY is set but empty"),
        ([], {"LAPINQ_ALLOWED_MODULES": ","}, exits.EMPTY_SETTING, "LAPINQ_ALLOWED_MODULES is set but empty"),
        ([], {"LAPINQ_LOG_LEVEL": "LOUD"}, exits.USAGE, "expected debug, info, warning or error, got 'LOUD'"),
        ([], {"LAPINQ_RATE_LIMIT": "many"}, exits.USAGE, "LAPINQ_RATE_LIMIT"),
        (
            ["--port", "0", "--database-url", "top:secret"],
            {},
            exits.USAGE,
            "the URL of the database is not valid",
        ),
        (["--host", "no.such.host.invalid"], {}, exits.FAILED, "has no address"),
        (["--worker", "--import", "no_such_module"], {}, exits.FAILED, "no module 'no_such_module'"),
    ],
)
def test_what_cannot_be_is_said_before_anything_starts(
    arguments: list[str], env: dict[str, str], code: int, part: str
) -> None:
    result = CliRunner().invoke(server, arguments, env=env)
    assert (result.exit_code, part in result.output) == (code, True), result.output
    assert "secret" not in result.output


def test_the_api_alone_says_that_the_schema_is_missing(empty_database: str) -> None:
    module = "lapinq_api.cli"
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", module, "--port", "0", "--database-url", empty_database],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline() + process.stdout.readline()
        assert "run `lapinq migrate`" in said
        address = said.split()[-1]
        assert httpx.get(f"{address}health", trust_env=False).status_code == 503
        process.terminate()
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.communicate()


def test_help_names_every_published_flag_and_the_variable_of_each() -> None:
    help_of_server = CliRunner().invoke(server, ["--help"], terminal_width=200).output
    for flag in PUBLISHED.split():
        assert f"{flag} " in help_of_server
    for variable in (
        "LAPINQ_DATABASE_URL, DATABASE_URL",
        "LAPINQ_HOST",
        "LAPINQ_PORT",
        "LAPINQ_WORKER_CONCURRENCY",
        "LAPINQ_SCHEDULER",
    ):
        assert f"env: {variable}]" in help_of_server
    help_of_api = CliRunner().invoke(api, ["--help"], terminal_width=200).output
    assert "--worker" not in help_of_api
    assert "--rate-limit" in help_of_api
