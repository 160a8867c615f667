"""How a task and its attempts are shown to people."""

import re
from typing import Any

from lapinq.commands.output.task_text import attempts_text, task_text

NASTY = "red \x1b[31m\x07\r\x9b2J \u202e tab\t\nstatus            completed\n\nattempt 9: completed 🐇 é"
LINES = [
    r"red \x1b[31m\x07\r\x9b2J \u202e tab",
    "status            completed",
    "",
    "attempt 9: completed 🐇 é",
]
"""That text without what a terminal would obey."""


def _attempt(**fields: Any) -> dict[str, Any]:
    names = (
        "result", "error", "traceback", "logs", "progress", "progress_message", "run_seconds", "started_at",
        "finished_at", "worker_id",
    )  # fmt: skip
    return {**dict.fromkeys(names), "attempt": 1, "outcome": "failed", "final": True, **fields}


def test_a_field_is_a_line_and_no_text_passes_for_another() -> None:
    shown = task_text({"id": "4711", "args": [1, {"a": None}], "result": None, "error": NASTY, "name": "x"})
    assert [line.rstrip() for line in shown.splitlines()] == [
        "id                4711",
        'args              [1,{"a":null}]',
        "result",
        f"error             {LINES[0]}",
        *((" " * 18 + line).rstrip() for line in LINES[1:]),
        "name              x",
    ]
    assert not set("\x1b\x07\r\x9b\u202e") & set(task_text({"metadata": {"a": NASTY}}))


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


def test_no_text_of_an_attempt_passes_for_a_field_or_another_attempt() -> None:
    told = dict.fromkeys(("result", "error", "logs", "progress_message"), NASTY)
    shown = attempts_text([_attempt(started_at="now", progress=1, **told)])
    assert not set("\x1b\x07\r\x9b\u202e") & set(shown)
    first, *others = shown.splitlines()
    assert first == "attempt 1: failed"
    names = [line.split()[0] for line in others if re.match(r" {0,2}\S", line)]
    assert sorted(names) == ["error", "logs", "progress", "result", "started_at"]


def test_the_end_of_a_task_that_waited_is_no_attempt() -> None:
    shown = attempts_text([_attempt(outcome="cancelled", finished_at="2026-01-31T12:00:01+00:00")])
    assert shown == "not started again: cancelled\n  finished_at       2026-01-31T12:00:01+00:00"
    assert attempts_text([]) == ""
    assert attempts_text([_attempt(attempt=0, outcome="expired")]) == "never started: expired"
