"""A test run that is ended from outside leaves no PostgreSQL behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.eventually import eventually

ROOT = Path(__file__).parents[3]

A_TEST = """
import threading
from pathlib import Path

import psycopg
import pytest

HERE = Path(__file__).parent


@pytest.fixture
def torn_down():
    yield
    HERE.joinpath("torn down").touch()


def test(postgres_url, torn_down):
    with psycopg.connect(postgres_url) as conn:
        (directory,) = conn.execute("SHOW data_directory").fetchone()
    HERE.joinpath("directory.new").write_text(directory)
    HERE.joinpath("directory.new").rename(HERE / "directory")
    threading.Event().wait(300)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)])
def test_no_server_is_left_of_a_run_that_is_ended_by_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    test = tmp_path / "test_that_waits.py"
    test.write_text(A_TEST, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-c",
        os.devnull,
        "--rootdir",
        tmp_path,
        "-p",
        "tests.conftest",
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAPINQ_TEST_")}
    with subprocess.Popen(
        [*command, test], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    ) as run:
        try:
            eventually((tmp_path / "directory").exists, timeout=60)
            server = Path((tmp_path / "directory").read_text(encoding="utf-8"))
            pid = int((server / "postmaster.pid").read_text(encoding="utf-8").split()[0])
            os.kill(run.pid, number)
            run.wait(60)
        finally:
            run.kill()
    eventually(lambda: not Path(f"/proc/{pid}").exists(), timeout=30)
    eventually(lambda: not server.parent.parent.exists(), timeout=30)
    assert (tmp_path / "torn down").exists() == (number == signal.SIGTERM)
