"""A circuit breaker with several workers, while the service is down and the worker of a probe is killed."""

import os
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from lapinq_core.domain.limits.breaker import Breaker, BreakerRule, BreakerState
from lapinq_core.limits.breakers import get_breaker, put_breaker
from tests.chaos.tasks.calls import are_alone, events_of, process_of
from tests.support.database.invariants import check_invariants, statuses
from tests.support.database.running import on_connections
from tests.support.eventually import eventually
from tests.support.programs.processes import QUICK_LEASE, WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import Conn, new_task

pytestmark = pytest.mark.slow

TASKS, WORKERS = 60, 4
RETRY_AFTER_SECONDS = 2.5
"""A probe of a dead worker is rescued within twice this time. After that another would be tried beside it."""


def test_one_probe_at_a_time_until_the_service_is_back(database: str, tmp_path: Path) -> None:
    service, journal = tmp_path / "service", tmp_path / "journal"
    on_connections(database, _set_breaker)
    arguments = [(str(service), str(journal), str(number), 1.0) for number in range(TASKS)]
    ids = enqueue_all(
        database,
        [new_task(task_name="acall", args=list(each), max_retries=30, retry_delay=0.0) for each in arguments],
    )
    with ExitStack() as stack:
        for _ in range(WORKERS):
            stack.enter_context(WorkerProcess(database, "--concurrency", "4", env=QUICK_LEASE))
        opened = eventually(lambda: _when(database, BreakerState.OPEN), 60)
        # What ran when it opened has ended once a probe runs, which takes as long as the pause.
        probe = eventually(lambda: _probe(database), 60)
        assert probe is not None
        name = ids.index(probe)
        worker = eventually(lambda: process_of(journal, name), 60)
        assert worker is not None
        earlier = [event[1:] for event in events_of(journal)].index(("start", str(name), worker))
        os.kill(worker, signal.SIGKILL)
        again = eventually(lambda: _when(database, BreakerState.OPEN), 60)
        assert opened is not None
        assert again is not None
        assert again.failed_task_id == probe
        assert again.opened_at == opened.opened_at
        eventually(lambda: _probe(database) not in (None, probe), 60)
        later = [event for event in events_of(journal)[earlier:] if event.process != worker]
        assert are_alone(later), later
        service.touch()
        eventually(lambda: statuses(database) == {"completed": TASKS}, 60)
    check_invariants(database, ids)
    assert _when(database, BreakerState.CLOSED)


async def _set_breaker(conn: Conn) -> None:
    await put_breaker(
        conn, "queue", "default", BreakerRule(failures_in_row=3, retry_after_seconds=RETRY_AFTER_SECONDS)
    )


def _when(database: str, state: BreakerState) -> Breaker | None:
    """The breaker if it is in this state."""
    breaker = _breaker(database)
    return breaker if breaker.state is state else None


def _probe(database: str) -> str | None:
    return _breaker(database).probe_task_id


def _breaker(database: str) -> Breaker:
    async def read(conn: Conn) -> Breaker | None:
        return await get_breaker(conn, "queue", "default")

    found = on_connections(database, read)
    assert found is not None
    return found
