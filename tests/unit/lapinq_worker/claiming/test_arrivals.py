"""Claims whose function is looked for, when nobody can look."""

import asyncio
import threading

import pytest

from lapinq_core.domain.tasks.outcome import Outcome, Unstarted
from lapinq_worker.claiming.arrivals import Arrivals
from lapinq_worker.running.functions import Functions
from lapinq_worker.running.host import Host
from lapinq_worker.running.job import Job
from lapinq_worker.running.time_limits import Limits
from tests.unit.lapinq_worker.claims import make_claim
from tests.unit.lapinq_worker.running.test_functions import nobody
from tests.unit.lapinq_worker.workbench import recording, until


async def test_claims_whose_import_can_not_be_begun_are_handed_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refusals = ["can't start new thread"]
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("import ") and refusals:
            raise RuntimeError(refusals[0])
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    settled = list[tuple[Job, Outcome, float]]()
    woken = asyncio.Event()
    async with recording() as (bench, chunks):
        arrivals = Arrivals(
            bench.dispatcher,
            Functions([], 20.0, nobody),
            Host(Limits()),
            worker_id=lambda: "w",
            on_ended=lambda job, outcome, seconds: settled.append((job, outcome, seconds)),
            on_refused=lambda _: None,
            on_imported=woken.set,
        )
        claims = [make_claim(), make_claim()]
        arrivals.take_in(claims, 0.0)
        await until(woken.is_set)
        assert [(job.claim, outcome) for job, outcome, _ in settled] == [
            (claim, Unstarted()) for claim in claims
        ]
        assert arrivals.waiting == 0
        assert arrivals.unstarted() == []
        refusals.clear()
        arrivals.take_in(claims, 0.0)
        await until(lambda: chunks)
    assert "can't look for tests.support.sample.tasks.add (can't start new thread)" in caplog.text
