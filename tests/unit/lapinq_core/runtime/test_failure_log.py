"""What fails again and again is logged once a minute."""

import logging

import pytest

from lapinq_core.runtime import failure_log
from lapinq_core.runtime.failure_log import FailureLog


def test_each_type_of_error_is_logged_once_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(failure_log.time, "monotonic", lambda: now)
    failures = FailureLog(logging.getLogger("chore"), "it failed", lambda error: isinstance(error, OSError))
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            for error in (OSError("no route"), TimeoutError(), ValueError("a bug")):
                failures.failed(error)
        now += failure_log.INTERVAL_SECONDS
        failures.failed(ValueError("a bug"))
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "it failed: no route"),
        ("WARNING", "it failed: TimeoutError"),
        ("ERROR", "it failed: a bug"),
        ("ERROR", "it failed: a bug"),
    ]
    assert [bool(record.exc_info) for record in caplog.records] == [False, False, True, True]
    assert {record.filename for record in caplog.records} == {"test_failure_log.py"}
