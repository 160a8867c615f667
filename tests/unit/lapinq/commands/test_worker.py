"""`lapinq worker` runs a worker, and has commands about others."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from lapinq.commands.worker import worker


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-q", "mail", "list"], "--queue must come after `worker list`, if it takes it"),
        (["--drain", "stop", "x"], "--drain must come after `worker stop`, if it takes it"),
        (["lsit"], "No such command 'lsit'. Did you mean 'list'?"),
        (["--drain", "--reload"], "--reload can't be combined with --drain"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(worker, arguments)
    assert done.exit_code == 2
    assert message in done.output


def test_its_commands_load_no_worker() -> None:
    unwanted = ["lapinq_worker.cli", "uvloop"]
    code = f"import sys, lapinq.commands.worker; print([name for name in {unwanted} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
