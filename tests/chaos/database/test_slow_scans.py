"""A full scan of the queues never ends, as with a snapshot held for hours or a disk that is hardly there."""

import pytest

from tests.integration.lapinq_worker.desk import Desk
from tests.support.database.invariants import check_invariants
from tests.support.database.slow_scans import make_scans_quick, make_scans_slow, scans_under_way
from tests.support.eventually import eventually_async
from tests.support.programs.processes import QUICK_LEASE, WorkerProcess
from tests.support.rows.factories import Conn
from tests.support.sample import tasks

pytestmark = pytest.mark.slow


async def test_claims_from_the_mark_go_on(database: str, conn: Conn) -> None:
    desk = Desk(conn, database)
    with WorkerProcess(database, env=QUICK_LEASE) as worker:
        before = await desk.hand_in(tasks.aadd, 1, 1)
        await desk.ended(before)

        await make_scans_slow(conn)
        await eventually_async(lambda: scans_under_way(conn))
        # Nobody is told of them.
        ids = [await desk.hand_in(tasks.aadd, n, 1) for n in range(20)]
        await desk.ended(*ids, timeout=15)
        assert await scans_under_way(conn) == 0
        assert "took longer than" in worker.output
    await make_scans_quick(conn)  # the invariants ask functions that take a row of the table, not of a view
    check_invariants(database, [before, *ids])
