"""How a task and its attempts are shown to people."""

import re
from typing import Any

from lapinq.commands.console.task_text import attempts_text, task_text


def _attempt(**fields: Any) -> dict[str, Any]:
    names = (
        "result", "error", "traceback", "logs", "progress", "progress_message", "run_seconds", "started_at",
        "finished_at", "worker_id",
    )  # fmt: skip
    return {**dict.fromkeys(names), "attempt": 1, "outcome": "failed", "final": True, **fields}


def test_a_field_is_a_line_and_what_is_not_there_is_left_empty() -> None:
    shown = task_text({"id": "4711", "args": [1, {"a": None}], "result": None, "error": "no"})
    assert shown.splitlines() == [
        "id                4711",
        'args              [1,{"a":null}]',
        "result",
        "error             no",
    ]


def test_an_attempt_is_a_paragraph_with_its_texts_indented() -> None:
    first = _attempt(
        started_at="2026-01-31T12:00:00+00:00",
        finished_at="2026-01-31T12:00:01+00:00",
        run_seconds=0.5,
        worker_id="w1",
        progress=40,
        progress_message="halfway",
        error="ValueError: no",
        traceback="Traceback:\n  File\nValueError: no\n",
        logs="one line",
    )
    second = _attempt(attempt=2, outcome="running", started_at="2026-01-31T12:00:11+00:00", progress=0)
    assert attempts_text([first, second]).splitlines() == [
        "attempt 1: failed",
        "  started_at        2026-01-31T12:00:00+00:00",
        "  finished_at       2026-01-31T12:00:01+00:00",
        "  run_seconds       0.5",
        "  worker_id         w1",
        "  progress          40 % halfway",
        "  error             ValueError: no",
        "  traceback",
        "    Traceback:",
        "      File",
        "    ValueError: no",
        "  logs              one line",
        "",
        "attempt 2: running",
        "  started_at        2026-01-31T12:00:11+00:00",
        "  progress          0 %",
    ]


def test_the_end_of_a_task_that_waited_is_no_attempt() -> None:
    shown = attempts_text([_attempt(outcome="cancelled", finished_at="2026-01-31T12:00:01+00:00")])
    assert shown.splitlines() == [
        "not started again: cancelled",
        "  finished_at       2026-01-31T12:00:01+00:00",
    ]
    assert attempts_text([]) == ""
    never = attempts_text([_attempt(attempt=0, outcome="expired")])
    assert never == "never started: expired"


def test_what_a_task_said_does_not_reach_the_terminal_as_control_characters() -> None:
    nasty = "red \x1b[31m\x07\r\x9b2J \u202e tab\t\nnext 🐇 é"
    shown = attempts_text(
        [_attempt(started_at="now", error=nasty, logs=nasty, progress=1, progress_message=nasty)]
    )
    shown += task_text({"error": nasty, "metadata": {"a": nasty}})
    assert not set("\x1b\x07\r\x9b\u202e") & set(shown)
    assert r"red \x1b[31m\x07\r\x9b2J \u202e tab" in shown
    assert "next 🐇 é" in shown


def test_what_a_task_said_cannot_pass_for_a_field_or_an_attempt() -> None:
    nasty = "no\nstatus            completed\n  worker_id         w2\n\nattempt 9: completed"
    column = " " * 18
    shown = task_text({"error": nasty, "result": nasty + "\n\n", "id": "4711"}).splitlines()
    told = ["no", "status            completed", "  worker_id         w2", "", "attempt 9: completed"]
    assert shown == [
        f"error             {told[0]}", *(column + line for line in told[1:]),
        f"result            {told[0]}", *(column + line for line in told[1:]),
        "id                4711",
    ]  # fmt: skip
    attempt = _attempt(started_at="now", result=nasty, progress=1, progress_message=nasty, logs=nasty)
    first, *others = attempts_text([attempt]).splitlines()
    assert first == "attempt 1: failed"
    assert [line.split()[0] for line in others if re.match(r" {0,2}\S", line)] == [
        "started_at",
        "result",
        "progress",
        "logs",
    ]
