"""`lapinq health` against real daemons: well, not ready while the database is away, and gone."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.database.proxy import proxy
from tests.support.eventually import eventually
from tests.support.programs.processes import REPOSITORY, ApiProcess, Program


def health(*arguments: str, **env: str) -> tuple[int, str]:
    """Its exit code, and what it says."""
    ended = subprocess.run(
        [sys.executable, "-m", "lapinq", "health", *arguments],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=REPOSITORY,
    )
    assert "Traceback" not in ended.stderr, ended.stderr
    return ended.returncode, (ended.stdout + ended.stderr).strip()


def port_of(program: Program) -> str:
    return program.said(r"http://[\w.]+:(\d+)")[1]


def test_an_api_is_well_until_it_is_gone(database: str) -> None:
    with ApiProcess(database, "--read-only") as server:
        here = {"LAPINQ_PORT": port_of(server), "LAPINQ_HOST": "0.0.0.0"}
        assert health("api", **here) == (0, '{"status":"ok"}')
        assert health("api", "--ready", **here) == (0, '{"status":"ready"}')
        assert health("api", "--url", f"{server.url}/") == (0, '{"status":"ok"}')
    code, said = health("api", **here)
    assert (code, "no answer from http://127.0.0.1" in said) == (1, True), said


@pytest.mark.parametrize("daemon", ["worker", "scheduler"])
def test_a_daemon_is_well_and_ready(database: str, daemon: str) -> None:
    with Program(daemon, "--database-url", database, "--metrics-port", "0") as program:
        here = {"LAPINQ_METRICS_PORT": port_of(program)}
        assert health(daemon, **here) == (0, '{"status": "ok"}')
        eventually(lambda: health(daemon, "--ready", **here) == (0, '{"status": "ready"}'), timeout=30)


def test_a_worker_without_its_database_lives_but_is_not_ready(database: str) -> None:
    lease = {"LAPINQ_HEARTBEAT_INTERVAL": "0.5", "LAPINQ_LEASE_SECONDS": "2"}
    with (
        proxy(database) as between,
        Program("worker", "--database-url", between.url, "--metrics-port", "0", env=lease) as worker,
    ):
        here = {"LAPINQ_METRICS_PORT": port_of(worker)}
        eventually(lambda: health("worker", "--ready", **here)[0] == 0, timeout=30)
        between.cut()
        eventually(lambda: health("worker", "--ready", **here)[0] == 1, timeout=30)
        assert "the database has not confirmed lately that it lives" in health("worker", "--ready", **here)[1]
        assert health("worker", **here)[0] == 0
        between.heal()
        eventually(lambda: health("worker", "--ready", **here)[0] == 0, timeout=30)


@pytest.mark.parametrize("daemon", ["worker", "scheduler"])
def test_a_daemon_that_waits_for_its_database_lives(tmp_path: Path, daemon: str) -> None:
    nowhere = f"postgresql://nobody@/none?host={tmp_path}"
    with Program(daemon, "--database-url", nowhere, "--metrics-port", "0") as program:
        here = {"LAPINQ_METRICS_PORT": port_of(program)}
        assert health(daemon, **here)[0] == 0
        code, said = health(daemon, "--ready", **here)
        assert code == 1
        assert re.search(r"answers 503: .*it is starting, or waits for the database", said)


@pytest.mark.parametrize(
    ("arguments", "env", "complaint"),
    [
        (["mail"], {}, "'mail' is not one of"),
        (["api", "--url", "ftp://here"], {}, "ftp://here is not a URL"),
        (["api", "--url", "http://here:port"], {}, "http://here:port is not a URL"),
        (["api"], {"LAPINQ_PORT": "many"}, "LAPINQ_PORT"),
        (["api", "--timeout", "0"], {}, "--timeout"),
    ],
)
def test_what_can_not_be_is_refused(arguments: list[str], env: dict[str, str], complaint: str) -> None:
    code, said = health(*arguments, **env)
    assert code == 2
    assert complaint in said
