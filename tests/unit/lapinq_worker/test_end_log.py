"""The line on an attempt that did not complete names the request that brought the task."""

import msgspec
import pytest

from lapinq_core.queue.work import Ended
from lapinq_worker.end_log import log_end
from tests.support import tasks
from tests.unit.lapinq_worker.claims import make_job


@pytest.mark.parametrize(
    ("metadata", "named"),
    [
        (b'{"request_id": "r-7", "a": 1}', "r-7"),
        (b'{"a": 1}', None),
        (b'{"request_id": 7}', None),
        (b"null", None),
        (b"[1]", None),
    ],
)
def test_the_request_is_a_field_of_the_line(
    caplog: pytest.LogCaptureFixture, metadata: bytes, named: str | None
) -> None:
    claim = make_job(tasks.noop).claim
    claim.metadata = msgspec.Raw(metadata)
    log_end(claim, Ended(claim.id, claim.token, True, True, 0.0, "ValueError: no"))
    [line] = caplog.records
    assert line.getMessage().endswith("no retry is left): ValueError: no")
    assert getattr(line, "task", None) == claim.id
    assert getattr(line, "request_id", None) == named
