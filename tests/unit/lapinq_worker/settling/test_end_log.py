"""The line on an attempt that did not complete names the request that brought the task."""

import pytest

from lapinq_core.tasks.worker_verbs import Ended
from lapinq_worker.settling.end_log import log_end
from tests.support.sample import tasks
from tests.unit.lapinq_worker.claims import make_job


@pytest.mark.parametrize("request_id", ["r-7", None])
def test_the_request_is_a_field_of_the_line(caplog: pytest.LogCaptureFixture, request_id: str | None) -> None:
    claim = make_job(tasks.noop).claim
    claim.request_id = request_id
    log_end(claim, Ended(claim.id, claim.token, True, True, 0.0, "ValueError: no"))
    [line] = caplog.records
    assert line.getMessage().endswith("no retry is left): ValueError: no")
    assert getattr(line, "task", None) == claim.id
    assert getattr(line, "request_id", None) == request_id
