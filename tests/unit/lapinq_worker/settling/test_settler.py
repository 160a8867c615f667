"""What the settler knows of its backlog, without a database."""

import asyncio
import logging
from io import StringIO

import pytest

from lapinq_core.domain.tasks.diagnostics.task_lines import TASKS
from lapinq_core.domain.tasks.outcome import Completed, Raised
from lapinq_core.runtime.logs import LineHandler
from lapinq_worker.settling.settler import MAX_BACKLOG, MAX_BACKLOG_CHARACTERS, Settler
from tests.support.sample import tasks
from tests.unit.lapinq_worker.claims import make_job


def settler() -> Settler:
    return Settler("postgresql://nowhere.invalid/none", lambda _: None)


@pytest.mark.parametrize(
    ("count", "outcomes"),
    [
        (MAX_BACKLOG, (Completed("null"), Raised("no"))),
        (16, (Completed("x" * (MAX_BACKLOG_CHARACTERS // 16)),)),
    ],
    ids=["many", "large"],
)
async def test_it_is_full_when_many_outcomes_or_large_results_wait(
    count: int, outcomes: tuple[Completed | Raised, ...]
) -> None:
    full, job = settler(), make_job(tasks.noop)
    for n in range(count):
        full.add(job, outcomes[n % len(outcomes)], 0.001)
    assert not full.is_full
    full.add(job, Completed("null"), 0.001)
    assert full.is_full


async def test_it_is_flushed_when_nothing_waits() -> None:
    quiet = settler()
    await quiet.flushed()
    transient = make_job(tasks.noop)
    transient.claim.id = ""
    quiet.add(transient, Completed("null"), 0.001)
    await quiet.flushed()
    quiet.add(make_job(tasks.noop), Completed("null"), 0.001)
    waiting = asyncio.create_task(quiet.flushed())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


async def test_the_line_on_a_completion_is_written_before_the_end_is_stored(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, TASKS.name)
    monkeypatch.setattr(logging.getLogger(), "handlers", [LineHandler(written := StringIO())])
    settling, job = settler(), make_job(tasks.noop)
    job.target.log = TASKS
    settling.add(job, Completed("null"), 0.5)
    assert written.getvalue() == ""
    writing = asyncio.create_task(settling.write_all(1.0))
    await asyncio.sleep(0)  # as far as it comes without a connection
    assert "completed in 0.500 s" in written.getvalue()
    writing.cancel()
    await asyncio.wait([writing])
