"""The lines at the start and the end of an attempt."""

import logging
from collections.abc import Iterator

import pytest

from lapinq_core.domain.tasks.diagnostics.task_lines import TASKS, log_completed, log_end, log_start
from tests.unit.lapinq_worker.claims import make_claim

CLAIM = make_claim(id="7", module_path="shop", task_name="send", queue_name="mail", request_id="r-7")


@pytest.fixture
def debug(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, TASKS.name)
    return caplog


def test_the_start_and_the_end_name_the_task_and_say_the_rest_in_fields(
    debug: pytest.LogCaptureFixture,
) -> None:
    log_start(TASKS, CLAIM)
    log_completed(TASKS, CLAIM, 0.1234567)
    started, completed = debug.records
    assert (started.getMessage(), completed.getMessage()) == (
        "shop.send started",
        "shop.send completed in 0.123 s",
    )
    facts = {"task_id": "7", "task_name": "send", "queue": "mail", "attempt": 1, "request_id": "r-7"}
    assert vars(started).items() >= facts.items()
    assert "outcome" not in vars(started)
    assert vars(completed).items() >= {**facts, "seconds": 0.123457, "outcome": "completed"}.items()
    assert (started.levelno, completed.levelno) == (logging.DEBUG, logging.INFO)


@pytest.mark.parametrize(("level", "count"), [(logging.INFO, 1), (logging.WARNING, 0)])
def test_a_level_above_leaves_them_out(caplog: pytest.LogCaptureFixture, level: int, count: int) -> None:
    caplog.set_level(level, TASKS.name)
    log_start(TASKS, CLAIM)
    log_completed(TASKS, CLAIM, 0.1)
    assert len(caplog.records) == count


@pytest.fixture
def bad_handler() -> Iterator[None]:
    class Bad(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("the log is full")

    bad = Bad()
    TASKS.addHandler(bad)
    yield
    TASKS.removeHandler(bad)


@pytest.mark.usefixtures("bad_handler")
def test_a_handler_that_raises_ends_no_attempt(
    debug: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    log_start(TASKS, CLAIM)
    log_completed(TASKS, CLAIM, 0.1)
    log_end(TASKS, logging.ERROR, CLAIM, "failed", outcome="failed", seconds=0.1, error="no")
    assert capsys.readouterr().err.count("OSError: the log is full") == 3
