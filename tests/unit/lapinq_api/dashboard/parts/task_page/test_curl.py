"""The command that enqueues a task again: a shell reads back exactly what the task was."""

import json
import shlex
import subprocess

import pytest

from lapinq_api.dashboard.parts.task_page.curl import enqueue_again
from lapinq_api.dashboard.parts.task_page.payload import TaskPayload
from lapinq_core.lookup.task_detail import WHOLE_BYTES, Value
from tests.support.rows.task_details import json_value, task

SERVER = "https://queue.example/lapinq"
HOSTILE = 'it\'s $(rm -rf /) `x` "q" \\ !! \u202e\n é'
MEMBER = "01981c1e-5c3e-8a53-8c1f-0d9f6f1f7e11"
LARGE = 265252859812191058636308480000000


def test_what_was_left_to_the_defaults_is_left_out_and_where_the_key_goes_is_told() -> None:
    command = enqueue_again(task(), SERVER, needs_key=True)
    assert command is not None
    assert shlex.split(command.replace("\\\n", " "))[:6] == [
        "curl", f"{SERVER}/api/v1/enqueue", "-H", "Content-Type: application/json", "-H", "X-API-Key: …",
    ]  # fmt: skip
    assert json.loads(shlex.split(command)[-1]) == {
        "task_name": "send", "module_path": "app.mail", "queue_name": "mail",
    }  # fmt: skip


def test_everything_that_was_said_is_said_again_but_for_when() -> None:
    said = {
        "priority": 5, "max_retries": 0, "retry_delay": 2.5, "retry_backoff": False, "ttl_seconds": 60.0,
        "timeout_seconds": 1.5, "webhook_url": "https://shop.example/done",
    }  # fmt: skip
    values = {"args": [1, LARGE], "kwargs": {"to": "ada"}, "metadata": {"request_id": "mine", "tenant": 7}}
    as_json = {name: json_value(json.dumps(value)) for name, value in values.items()}
    command = enqueue_again(task(queue_name="default", **said, **as_json), SERVER, needs_key=False)
    assert command is not None
    assert "X-API-Key" not in command
    sent = json.loads(shlex.split(command)[-1])
    assert sent == {"task_name": "send", "module_path": "app.mail", **said, **values}


def test_a_shell_runs_nothing_of_what_is_in_it() -> None:
    text = json.dumps([HOSTILE], ensure_ascii=False)
    command = enqueue_again(task(task_name=HOSTILE, args=json_value(text)), SERVER, needs_key=False)
    assert command is not None
    printed = subprocess.run(  # a shell is what is tested, and it only prints
        command.replace("curl", "printf '%s\\0'", 1), shell=True, capture_output=True, check=True, text=True
    ).stdout
    sent = json.loads(printed.split("\0")[-2])
    assert (sent["task_name"], sent["args"]) == (HOSTILE, [HOSTILE])


@pytest.mark.parametrize(
    "args", [Value('["x', WHOLE_BYTES + 1), json_value(json.dumps(["'" * 40_000]))], ids=["in part", "quoted"]
)
def test_one_that_no_shell_takes_is_not_offered(args: Value) -> None:
    assert enqueue_again(task(args=args), SERVER, needs_key=False) is None


@pytest.mark.parametrize(
    ("task_id", "args", "kwargs", "expected"),
    [
        (MEMBER, '[{"$result": "a"}]', "{}", True),
        (MEMBER, "[]", '{"x": [{"y": {"$outcome": "a"}}]}', True),
        (MEMBER, '[{"$result": "a", "b": 1}]', "{}", False),
        (MEMBER, "[1]", "{}", False),
        (task().id, '[{"$result": "a"}]', "{}", False),
    ],
)
def test_what_names_results_is_known(task_id: str, args: str, kwargs: str, expected: bool) -> None:
    one = task(id=task_id, args=json_value(args), kwargs=json_value(kwargs))
    assert TaskPayload(one, needs_key=False).names_results is expected
