"""`lapinq task enqueue --wait`: what it prints, and its exit code."""

import json

import pytest
from click.testing import CliRunner

from lapinq.cli import cli
from lapinq_core.runtime import exits
from tests.unit.lapinq.conftest import TASK_ID, Script, finished

JSON = {"content-type": "application/json"}
NOT_FINISHED = {"error": "task not finished", "status": "pending"}
FAILED = {**finished("null"), "status": "failed", "error": "ValueError: out of paper"}


@pytest.mark.parametrize(
    ("answers", "flags", "code", "printed", "told"),
    [
        ([finished("3")], ["--wait"], 0, "3\n", []),
        ([FAILED], ["--wait=30"], exits.FAILED, "", ["failed: ValueError: out of paper"]),
        ([NOT_FINISHED, {"why": "No worker."}], ["--wait=0"], exits.TIMED_OUT, "", ["No worker."]),
        ([finished("3")], ["--wait", "--json"], 0, finished("3"), []),
    ],
)
def test_the_end_of_the_task_decides(
    server: Script, answers: list[object], flags: list[str], code: int, printed: object, told: list[str]
) -> None:
    for status, answer in [(201, {"task_id": TASK_ID}), *((200, answer) for answer in answers)]:
        server.answer(status, answer, JSON)
    done = CliRunner().invoke(cli, ["task", "enqueue", "shop:add", "1", *flags, "--server", server.url])
    assert done.exit_code == code, done.stderr
    assert (json.loads(done.stdout) if isinstance(printed, dict) else done.stdout) == printed
    first, *rest = done.stderr.splitlines()
    assert first == f"enqueued {TASK_ID}"
    assert len(rest) == len(told)
    assert all(message in line for message, line in zip(told, rest, strict=True))
