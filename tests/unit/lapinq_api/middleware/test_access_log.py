"""The record of a request's line, which is made by hand for speed."""

import asyncio
import logging
import threading
from io import StringIO

import pytest
from starlette.types import Scope

from lapinq_api.middleware.access_log import AccessLog, log
from lapinq_api.wire.headers import REQUEST_ID_KEY
from lapinq_core.runtime.logs import LineHandler

SCOPE: Scope = {"type": "http", "method": "GET", "path": "/a", "raw_path": b"/a", REQUEST_ID_KEY: "r1"}


def test_it_has_what_any_record_has(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger=log.name)
    write_line = AccessLog()
    write_line(SCOPE, 200, 0.0015)
    for name in ("ended", "other"):  # the second gets the number of the first
        thread = threading.Thread(target=write_line, args=(SCOPE, 404, 0.5), name=name)
        thread.start()
        thread.join()
    log.info("usual", extra={"request_id": "r1"})
    first, _, second, usual = caplog.records
    assert list(vars(first)) == list(vars(usual))
    assert [first.getMessage(), second.getMessage()] == ["GET /a 200 1.5 ms", "GET /a 404 500.0 ms"]
    assert (first.threadName, second.threadName) == (usual.threadName, "other")
    assert first.created <= second.created <= usual.created
    for record in (first, second):
        assert record.process == usual.process
        assert record.msecs == int(record.created * 1000) % 1000
        assert record.relativeCreated == pytest.approx(
            usual.relativeCreated - (usual.created - record.created) * 1000, abs=1
        )


def test_a_programs_own_kind_of_record_is_kept(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Own(logging.LogRecord):
        pass

    monkeypatch.setattr(logging, "_logRecordFactory", Own)
    caplog.set_level("INFO", logger=log.name)
    AccessLog()(SCOPE, 200, 0.001)
    assert type(caplog.records[0]) is Own


async def test_lines_of_one_turn_are_written_in_the_next(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO", logger=log.name)
    monkeypatch.setattr(logging.getLogger(), "handlers", [LineHandler(written := StringIO())])

    write_line = AccessLog()
    write_line(SCOPE, 201, 0.001)
    write_line(SCOPE, 404, 0.001)
    assert written.getvalue() == ""
    await asyncio.sleep(0)
    first, second = written.getvalue().splitlines()
    assert first.endswith(": GET /a 201 1.0 ms request_id=r1")
    assert second.endswith(": GET /a 404 1.0 ms request_id=r1")
    write_line(SCOPE, 200, 0.001)
    await asyncio.sleep(0)
    assert written.getvalue().endswith(": GET /a 200 1.0 ms request_id=r1\n")
