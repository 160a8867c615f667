"""A task as Python code: its call in one line, and the code that enqueues it again."""

import ast
import json

from lapinq_api.dashboard.parts.task_page.python_code import MAX_ARGUMENTS, call_of, enqueue_in_python
from lapinq_core.lookup.task_detail import WHOLE_BYTES, Value
from tests.support.rows.task_details import json_value, task

SERVER = "https://queue.example/lapinq"
HOSTILE = 'it\'s "q" \\ \\n {x} \u202e\n\t\x7f\x01 é 😀'


def test_a_call_is_written_as_in_python_and_has_a_bound() -> None:
    long = json.dumps([list(range(100)), dict.fromkeys(map(str, range(100)))])
    for args, kwargs, written in (
        ("[]", "{}", ""),
        ('["a@b", 3, 1.50, true, null]', '{"retries": 3}', '"a@b", 3, 1.5, True, None, retries=3'),
        ('[[1, "x"], {"a": {}}]', "{}", '[1, "x"], {"a": {}}'),
        (long, "{}", "[…], {…}"),
        (json.dumps(["x" * 100]), "{}", f'"{"x" * 57}…"'),
        (None, None, "*…, **…"),
        ('"[hidden]"', '"[hidden]"', "*…, **…"),
    ):
        call = call_of(args, kwargs)
        assert (
            ", ".join(f"{one.name}={one.text}" if one.name else one.text for one in call.arguments) == written
        )
        assert not call.has_more
    call = call_of(json.dumps(list(range(1000))), "{}")
    assert (len(call.arguments), call.has_more) == (MAX_ARGUMENTS, True)


def test_the_code_enqueues_what_the_command_does() -> None:
    values = {
        "args": [HOSTILE, 1.5, 265252859812191058636308480000000], "kwargs": {"to": [True, False, None]},
        "metadata": {"tenant": 7},
    }  # fmt: skip
    options = {
        "priority": 5,
        "retry_backoff": False,
        "timeout_seconds": 1.5,
        "webhook_url": "https://shop.example/",
    }
    made = task(**options, **{name: json_value(json.dumps(value)) for name, value in values.items()})
    code = enqueue_in_python(made, SERVER, needs_key=False)
    assert code is not None
    [called] = [
        node
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.List) and node.elts and isinstance(node.elts[0], ast.Dict)
    ]
    named = {"task_name": "send", "module_path": "app.mail", "queue_name": "mail"}
    assert ast.literal_eval(called) == [{**named, **options, **values}]
    assert "api_key" not in code
    assert 'api_key="…"' in (enqueue_in_python(made, SERVER, needs_key=True) or "")


def test_what_is_too_large_is_left_out() -> None:
    assert enqueue_in_python(task(args=Value("[", WHOLE_BYTES + 1)), SERVER, needs_key=False) is None
    assert (
        enqueue_in_python(task(args=json_value(json.dumps(["x" * 99_990]))), SERVER, needs_key=False) is None
    )
