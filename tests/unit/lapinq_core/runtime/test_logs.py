"""What a log line looks like."""

import contextvars
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from select import PIPE_BUF
from typing import Any

import pytest

from lapinq_core.domain.tasks.context import running
from lapinq_core.domain.tasks.task_lines import TASKS, log_end
from lapinq_core.runtime.logs import LineHandler, configure_logging
from tests.unit.lapinq_core.domain.tasks.test_context import Recorded
from tests.unit.lapinq_worker.claims import make_claim

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"

log = logging.getLogger("app.mail")


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Puts back what `configure_logging` changes for the whole process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {
        name: logging.getLogger(name).level
        for name in ("alembic", "psycopg", "psycopg.pool", "uvicorn", "httpx")
    }
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, was in levels.items():
        logging.getLogger(name).setLevel(was)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def objects(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(capsys)]


def test_a_plain_line_has_time_level_logger_message_and_extras(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", as_json=False)
    log.warning("%d left", 3, extra={"queue": "video", "task_id": None})
    (line,) = lines(capsys)
    assert re.fullmatch(rf"{TIME} WARNING app\.mail: 3 left queue=video task_id=None", line)


def test_a_plain_line_is_followed_by_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", as_json=False)
    try:
        raise ValueError("a bug")
    except ValueError:
        log.exception("it failed")
    first, second, *_, last = lines(capsys)
    assert first.endswith("ERROR   app.mail: it failed")
    assert second == "    Traceback (most recent call last):"
    assert last == "    ValueError: a bug"


def test_a_json_line_is_an_object_with_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", as_json=True)
    log.info("%s is\nhere", "mail", extra={"attempt": 2, "of": object})
    (line,) = objects(capsys)
    assert re.fullmatch(TIME, line.pop("time"))
    assert line == {
        "level": "info",
        "logger": "app.mail",
        "message": "mail is\nhere",
        "attempt": 2,
        "of": "<class 'object'>",
    }


def test_a_json_line_carries_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", as_json=True)
    try:
        raise ValueError("a bug")
    except ValueError:
        log.exception("it failed")
    (line,) = objects(capsys)
    assert line["traceback"].endswith("ValueError: a bug")


def test_a_line_of_a_task_has_its_id_and_name(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        running.set(Recorded())
        log.info("sending")

    configure_logging("info", as_json=False)
    contextvars.copy_context().run(work)
    log.info("idle")
    inside, outside = lines(capsys)
    assert inside.endswith("app.mail: sending task_id=id-1 task_name=add")
    assert outside.endswith("app.mail: idle")
    configure_logging("info", as_json=True)
    contextvars.copy_context().run(work)
    (line,) = objects(capsys)
    assert (line["task_id"], line["task_name"]) == ("id-1", "add")


def test_a_plain_line_on_a_task_does_not_say_twice_what_its_message_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    claim = make_claim(id="7", module_path="shop", task_name="send", queue_name="mail")
    ends: dict[str, Any] = {
        "outcome": "failed",
        "seconds": 0.5,
        "error": "no",
        "stack": "Traceback:\nValueError: no",
    }
    configure_logging("info", as_json=False)
    log_end(TASKS, logging.ERROR, claim, "failed: no", **ends)
    assert [line.partition(" ")[2] for line in lines(capsys)] == [
        "ERROR   lapinq.tasks: shop.send failed: no task_id=7 queue=mail attempt=1",
        "   Traceback:",
        "   ValueError: no",
    ]
    configure_logging("info", as_json=True)
    log_end(TASKS, logging.ERROR, claim, "failed: no", **ends)
    (line,) = objects(capsys)
    ends["traceback"] = ends.pop("stack")
    assert line.items() >= {**ends, "task_id": "7", "task_name": "send", "queue": "mail"}.items()


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_what_is_less_severe_is_left_out(
    level: str, written: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(level, as_json=True)
    for each in ("debug", "info", "warning", "error"):
        getattr(log, each)(each)
    assert [line["message"] for line in objects(capsys)] == written


def test_configuring_twice_does_not_write_twice(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", as_json=True)
    configure_logging("info", as_json=False)
    log.info("once")
    assert len(lines(capsys)) == 1


def test_nothing_goes_to_standard_output() -> None:
    program = (
        "import logging; from lapinq_core.runtime.logs import LineHandler, configure_logging;"
        "configure_logging('info', as_json=False); logging.getLogger().info('hello')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr.endswith("root: hello\n")) == ("", True)


def test_a_logger_that_takes_more_than_is_to_be_written_does_not_write_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    eager = logging.getLogger("app.eager")
    eager.setLevel(logging.DEBUG)
    configure_logging("info", as_json=False)
    eager.debug("a detail")
    assert lines(capsys) == []
    configure_logging("debug", as_json=False)
    eager.debug("a detail")
    assert len(lines(capsys)) == 1


FORGED = "2026-11-27T12:00:00.000Z ERROR   app.mail: all is lost"


def test_a_plain_message_goes_on_indented_and_cannot_pass_for_another_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("info", as_json=False)
    log.info("it stands at\n%s\n\tand there", FORGED, extra={"why": f"no\n{FORGED}"})
    first, *others = lines(capsys)
    assert first.endswith(": it stands at")
    assert others == [f"    {FORGED}", "    \tand there why=no", f"    {FORGED}"]


def test_an_exception_cannot_pass_for_another_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", as_json=False)
    try:
        raise ValueError(f"\x1b[2J\r{FORGED}\n{FORGED}")
    except ValueError:
        log.exception("it failed")
    first, *others = lines(capsys)
    assert first.endswith(": it failed")
    assert all(line.startswith("    ") for line in others)
    assert others[-2:] == [rf"    ValueError: \x1b[2J\r{FORGED}", f"    {FORGED}"]


def test_a_plain_line_has_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", as_json=False)
    nasty = "\x1b[31m\x9b2J\r\x07\x00\x0b\x0c\x1c\x85\u2028\u202e tab\t é 🐇\xa0!"
    log.warning("%s", nasty, extra={"name_of_it": nasty})
    (line,) = lines(capsys)
    shown = r"\x1b[31m\x9b2J\r\x07\x00\x0b\x0c\x1c\x85\u2028\u202e" + " tab\t é 🐇\xa0!"
    assert line.endswith(f": {shown} name_of_it={shown}")


class _Writes(StringIO):
    """Keeps each write, as a system call would see it."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []

    def write(self, piece: str, /) -> int:
        self.pieces.append(piece)
        return len(piece)


def test_lines_of_a_block_are_written_together_in_pieces_that_a_pipe_takes_whole() -> None:
    handler = LineHandler(written := _Writes())
    with handler.joined():
        for n in range(3):
            handler.handle(logging.makeLogRecord({"msg": f"line {n}"}))
        assert written.pieces == []
    assert written.pieces == ["line 0\nline 1\nline 2\n"]
    long = "é" * (PIPE_BUF // 2 - 1)
    with handler.joined():
        for line in ("short", long, "x" * 2 * PIPE_BUF, "short", "short"):
            handler.handle(logging.makeLogRecord({"msg": line}))
    assert written.pieces[1:] == ["short\n", f"{long}\n", "x" * 2 * PIPE_BUF + "\n", "short\nshort\n"]
    handler.handle(logging.makeLogRecord({"msg": "later"}))
    assert written.pieces[-1] == "later\n"
