"""The client, and commands that ask a server, need no module that Windows lacks. That doesn't replace a try there."""

import json
import os
import subprocess
import sys

import pytest

from tests.integration.lapinq.commands.conftest import KEY
from tests.support.programs.processes import REPOSITORY

pytestmark = pytest.mark.http

PROGRAM = """
import os, sys
for name in ("curses", "fcntl", "grp", "httptools", "pwd", "resource", "termios", "tty", "uvloop"):
    sys.modules[name] = None
del os.fork, os.geteuid, os.getuid
from lapinq import TaskQueue
from lapinq.cli import cli
url, key = sys.argv[1:]
entry = {"task_name": "pow", "module_path": "math", "args": [1, 2]}
[ref] = TaskQueue(url, api_key=key).batch_enqueue([entry])
for command in (f"task get {ref.task_id}", "task list", "queue list", "worker list", "schedule list"):
    cli([*command.split(), "--json", "--server", url], standalone_mode=False)
"""


def test_clients_need_nothing_that_windows_lacks(server_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, server_url, KEY],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=REPOSITORY,
        env={**os.environ, "LAPINQ_API_KEY": KEY},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[0])["args"] == [1, 2]
