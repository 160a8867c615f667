"""Workers that live and get nowhere."""

from lapinq_core.domain.figures import Figures
from lapinq_core.domain.histogram import count_into
from lapinq_core.figures import task_rollups
from lapinq_core.figures.stuck_workers import find_stuck
from tests.support.database.plans import plan, scanned_whole
from tests.support.rows.factories import Conn, add_worker, claim, enqueue, make_late


async def ran(conn: Conn, task: str, seconds: float) -> None:
    """Forty tasks of that name have run so long."""
    figures = Figures()
    count_into(figures.runs, [seconds] * 40)
    await task_rollups.record(conn, {("default", task): figures})


async def hold(conn: Conn, name: str, count: int, task: str, ago: str) -> None:
    """A worker with two slots holds so many tasks of that name since `ago`."""
    worker = await add_worker(conn, name=name, concurrency=2)
    await enqueue(conn, count, task_name=task)
    held = await claim(conn, worker, count)
    assert len(held) == count
    await conn.execute(
        "UPDATE lapinq_running SET claimed_at = lapinq_now() - %s::interval WHERE worker_id = %s",
        (ago, worker),
    )


async def test_a_worker_is_stuck_if_it_is_silent_or_all_its_tasks_hang(conn: Conn) -> None:
    await ran(conn, "quick", 2.0)
    await ran(conn, "slow", 1500.0)
    await hold(conn, "hangs", 2, "quick", "11 min")
    await hold(conn, "began lately", 2, "quick", "9 min")
    await hold(conn, "has a free slot", 1, "quick", "2 hours")
    await hold(conn, "is as slow as usual", 2, "slow", "50 min")
    await hold(conn, "runs what nobody knows", 2, "new", "50 min")
    await hold(conn, "runs it for too long", 2, "new", "70 min")
    await make_late(conn, await add_worker(conn, name="silent"))
    found = await find_stuck(conn)
    assert [(one.name, one.silent) for one in found] == [
        ("runs it for too long", False),
        ("silent", True),
        ("hangs", False),
    ]
    assert found[0].slots == 2
    assert 660 <= found[2].seconds < 700


async def test_looking_reads_no_tasks_but_those_it_tells_of(conn: Conn) -> None:
    await enqueue(conn, 2_000)
    await hold(conn, "hangs", 2, "quick", "11 min")
    await conn.execute("ANALYZE lapinq_tasks, lapinq_running, lapinq_workers")
    found = await plan(conn, "busy_workers", {"busy": 600.0, "most": 100})
    assert not {one for one in scanned_whole(found) if one.startswith("lapinq_tasks")}
