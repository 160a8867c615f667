"""A task as Python code: its call in one line, and the code that enqueues it again."""

import ast
import json

import pytest

from lapinq_api.dashboard.parts.task_page.curl import enqueue_again
from lapinq_api.dashboard.parts.task_page.python_code import MAX_ARGUMENTS, call_of, enqueue_in_python
from lapinq_core.lookup.task_detail import WHOLE_BYTES, Value
from tests.support.rows.task_details import json_value, task

SERVER = "https://queue.example/lapinq"
HOSTILE = 'it\'s "q" \\ \\n {x} \u202e\n\t\x7f\x01 é 😀'


@pytest.mark.parametrize(
    ("args", "kwargs", "written"),
    [
        ("[]", "{}", ""),
        ('["a@b", 3, 1.50, true, null]', '{"retries": 3}', '"a@b", 3, 1.5, True, None, retries=3'),
        ('[[1, "x"], {"a": {}}]', "{}", '[1, "x"], {"a": {}}'),
        (json.dumps([list(range(100)), dict.fromkeys(map(str, range(100)))]), "{}", "[…], {…}"),
        (json.dumps(["x" * 100]), "{}", f'"{"x" * 57}…"'),
        (None, None, "*…, **…"),
        ('"[hidden]"', '"[hidden]"', "*…, **…"),
    ],
)
def test_a_call_is_written_as_in_python(args: str | None, kwargs: str | None, written: str) -> None:
    call = call_of(args, kwargs)
    assert ", ".join(f"{one.name}={one.text}" if one.name else one.text for one in call.arguments) == written
    assert not call.has_more


def test_a_call_has_a_bound() -> None:
    call = call_of(json.dumps(list(range(1000))), "{}")
    assert (len(call.arguments), call.has_more) == (MAX_ARGUMENTS, True)


def test_the_code_enqueues_what_the_command_does() -> None:
    made = task(
        args=json_value(json.dumps([HOSTILE, 1.5, 265252859812191058636308480000000])),
        kwargs=json_value('{"to": [true, false, null]}'),
        metadata=json_value('{"tenant": 7}'),
        priority=5,
        retry_backoff=False,
        timeout_seconds=1.5,
        webhook_url="https://shop.example/done",
    )
    code, command = (
        enqueue_in_python(made, SERVER, needs_key=False),
        enqueue_again(made, SERVER, needs_key=False),
    )
    assert code is not None
    assert command is not None
    [called] = [
        node
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.List) and node.elts and isinstance(node.elts[0], ast.Dict)
    ]
    [entry] = ast.literal_eval(called)
    assert entry["args"][0] == HOSTILE
    assert entry["metadata"] == {"tenant": 7}
    assert entry == {
        "task_name": "send", "module_path": "app.mail", "queue_name": "mail", "priority": 5, "retry_backoff": False,
        "timeout_seconds": 1.5, "webhook_url": "https://shop.example/done",
        "args": [HOSTILE, 1.5, 265252859812191058636308480000000], "kwargs": {"to": [True, False, None]},
        "metadata": {"tenant": 7},
    }  # fmt: skip
    assert "api_key" not in code
    assert 'api_key="…"' in (enqueue_in_python(made, SERVER, needs_key=True) or "")


def test_what_is_too_large_is_left_out() -> None:
    assert enqueue_in_python(task(args=Value("[", WHOLE_BYTES + 1)), SERVER, needs_key=False) is None
    assert (
        enqueue_in_python(task(args=json_value(json.dumps(["x" * 99_990]))), SERVER, needs_key=False) is None
    )
