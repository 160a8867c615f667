"""What a log line looks like."""

import asyncio
import contextvars
import json
import logging
import os
import re
from collections.abc import Iterator
from functools import partial
from io import StringIO
from select import PIPE_BUF
from typing import Any

import pytest

from lapinq_core.domain.tasks.context import running
from lapinq_core.domain.tasks.diagnostics.task_lines import TASKS, log_completed, log_end
from lapinq_core.runtime.logs import LineHandler, configure_logging, line_handler
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
    """What was written; nothing goes to standard output."""
    written = capsys.readouterr()
    assert written.out == ""
    return written.err.splitlines()


def objects(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(capsys)]


def fail_and_log(error: str) -> None:
    try:
        raise ValueError(error)
    except ValueError:
        log.exception("it failed")


def test_a_plain_line_has_time_level_logger_message_and_extras(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", as_json=False)
    log.warning("%d left", 3, extra={"queue": "video", "task_id": None})
    fail_and_log("a bug")
    line, first, second, *_, last = lines(capsys)
    assert re.fullmatch(rf"{TIME} WARNING app\.mail: 3 left queue=video task_id=None", line)
    assert first.endswith("ERROR   app.mail: it failed")
    assert second == "    Traceback (most recent call last):"
    assert last == "    ValueError: a bug"


def test_a_json_line_is_an_object_with_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", as_json=True)
    log.info("%s is\nhere", "mail", extra={"attempt": 2, "of": object})
    fail_and_log("a bug")
    line, failed = objects(capsys)
    assert re.fullmatch(TIME, line.pop("time"))
    assert line == {
        "level": "info",
        "logger": "app.mail",
        "message": "mail is\nhere",
        "attempt": 2,
        "of": "<class 'object'>",
    }
    assert failed["traceback"].endswith("ValueError: a bug")


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


def test_only_what_is_severe_enough_is_written_and_once(capsys: pytest.CaptureFixture[str]) -> None:
    levels = ["debug", "info", "warning", "error"]
    for place, level in enumerate(levels):
        configure_logging(level, as_json=True)
        for each in levels:
            getattr(log, each)(each)
        assert [line["message"] for line in objects(capsys)] == levels[place:]
    eager = logging.getLogger("app.eager")
    eager.setLevel(logging.DEBUG)
    configure_logging("info", as_json=False)
    eager.debug("a detail of a logger that takes more")
    assert lines(capsys) == []
    configure_logging("debug", as_json=False)
    eager.debug("a detail")
    assert len(lines(capsys)) == 1


FORGED = "2026-11-27T12:00:00.000Z ERROR   app.mail: all is lost"


def test_neither_a_message_nor_an_exception_can_pass_for_another_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("info", as_json=False)
    log.info("it stands at\n%s\n\tand there", FORGED, extra={"why": f"no\n{FORGED}"})
    first, *others = lines(capsys)
    assert first.endswith(": it stands at")
    assert others == [f"    {FORGED}", "    \tand there why=no", f"    {FORGED}"]
    fail_and_log(f"\x1b[2J\r{FORGED}\n{FORGED}")
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


async def test_lines_that_wait_are_written_together_before_the_next_record_or_turn_of_the_loop() -> None:
    handler = LineHandler(written := _Writes())
    for n in range(3):
        handler.write_soon(f"line {n}")
    assert written.pieces == []
    await asyncio.sleep(0)
    assert written.pieces == ["line 0\nline 1\nline 2\n"]
    handler.write_soon("before")
    handler.handle(logging.makeLogRecord({"msg": "a record"}))
    assert written.pieces[1] == "before\n"
    assert written.pieces[2].endswith("a record\n")
    handler.write_soon("last")
    logging.shutdown([lambda: handler])
    assert written.pieces[3:] == ["last\n"]


async def test_lines_are_written_in_pieces_that_a_pipe_takes_whole() -> None:
    handler = LineHandler(written := _Writes())
    long = "é" * (PIPE_BUF // 2 - 1)
    for line in ("short", long, "x" * 2 * PIPE_BUF, "short", "short"):
        handler.write_soon(line)
    await asyncio.sleep(0)
    assert written.pieces == ["short\n", f"{long}\n", "x" * 2 * PIPE_BUF + "\n", "short\nshort\n"]


async def test_a_fork_leaves_the_lines_that_wait_to_the_original() -> None:
    handler = LineHandler(written := _Writes())
    handler.write_soon("once")
    if (child := os.fork()) == 0:
        handler.flush()
        os._exit(len(written.pieces))
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert written.pieces == ["once\n"]


def our_handler() -> LineHandler:
    handler = line_handler(TASKS, logging.INFO)
    assert handler is not None
    return handler


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"id": ""},
        {"request_id": "r\n7\x1b"},
        {"task_name": "sen\nd", "queue_name": "\x9b", "attempt": 12},
    ],
    ids=["usual", "fire and forget", "request", "control characters"],
)
async def test_the_line_on_a_completed_task_is_that_of_its_record(
    capsys: pytest.CaptureFixture[str], as_json: bool, facts: dict[str, Any]
) -> None:
    configure_logging("info", as_json=as_json)
    claim = make_claim(**{"id": "7", "module_path": "shop", "task_name": "send", **facts})
    for seconds in (0.0, 0.1234567, 3600.5):
        our_handler().completed(claim, seconds)
        log_completed(TASKS, claim, seconds)
    times = re.compile(TIME)
    written = lines(capsys)
    half = len(written) // 6
    texts = [times.sub("", "\n".join(written[n * half : (n + 1) * half])) for n in range(6)]
    assert texts[::2] == texts[1::2]
    assert all(times.search(written[n * half]) for n in range(6))


class _Record(logging.LogRecord):
    pass


def _handed_on(_log: logging.Logger, _record: logging.LogRecord) -> None:
    pass


@pytest.mark.parametrize(
    ("owner", "name", "value"),
    [
        (logging.getLogger("lapinq"), "handlers", [logging.NullHandler()]),
        (TASKS, "propagate", False),
        (TASKS, "filters", [logging.Filter()]),
        (None, "filters", [logging.Filter()]),
        (None, "formatter", logging.Formatter()),
        (None, "level", logging.WARNING),
        (logging, "_logRecordFactory", _Record),
        (logging.Logger, "callHandlers", _handed_on),
        (logging.Logger, "makeRecord", partial(logging.Logger.makeRecord)),
    ],
)
def test_no_handler_is_ours_alone_if_anybody_else_takes_part(
    monkeypatch: pytest.MonkeyPatch, owner: object | None, name: str, value: object
) -> None:
    """Without an `owner` it is of our handler."""
    configure_logging("info", as_json=False)
    assert line_handler(TASKS, logging.DEBUG) is None
    monkeypatch.setattr(owner or our_handler(), name, value)
    assert line_handler(TASKS, logging.INFO) is None


def test_lines_are_written_though_the_loop_that_would_have_ended() -> None:
    stream = StringIO()
    handler = LineHandler(stream)

    async def write(line: str) -> None:
        handler.write_soon(line)

    ended = asyncio.new_event_loop()
    ended.run_until_complete(write("one"))  # it ends before its next turn
    ended.close()

    async def write_more() -> None:
        await write("two")
        await asyncio.sleep(0)

    asyncio.run(write_more())
    handler.write_soon("three")  # without a loop
    assert stream.getvalue() == "one\ntwo\nthree\n"
