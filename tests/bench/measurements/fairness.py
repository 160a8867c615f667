"""How long a small tenant's task waits beside a flood of one key, in priority order, in fair order and with weights.

For a worker with ten slots, `--backlog` tasks of one key wait, each of which takes 5 ms. Five other keys get a task
each every 0.1 s for a minute. A wait is the time from just before the enqueue call to the first line of the function.
"""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import psycopg

from lapinq_core.domain.limits.policy import StartOrder
from lapinq_core.tasks import queues
from tests.bench.contenders import lapinq_refill, marks
from tests.bench.contenders.contender import Contender
from tests.bench.contenders.lapinq_contender import Lapinq
from tests.bench.contenders.postgres_store import number
from tests.bench.run.figures import Case, Metric, Reading, percentile
from tests.bench.run.plan import Plan
from tests.bench.run.progress import say
from tests.support.rows.factories import SOMEBODY, Conn

TENANTS = 5
SLOTS = 10
TASK_SECONDS = 0.005
SETTLE_SECONDS = 3.0
"""Until the worker runs at its pace, and until the last tasks of the tenants have started."""


class Order(msgspec.Struct, frozen=True):
    """A policy that is measured, and the weights of the floods beside which it is."""

    title: str
    order: StartOrder
    floods: dict[str, float]


ORDERS = (
    Order("priority order", StartOrder.PRIORITY, {"flood": 1}),
    Order("fair order", StartOrder.FAIR, {"flood": 1}),
    Order("fair order, floods of weight 3, 2 and 1", StartOrder.FAIR, {"gold": 3, "silver": 2, "flood": 1}),
)
SUMMARIES = ("p50", "p99", "longest")


def wait_metric(order: Order, summary: str) -> Metric:
    return Metric(f"wait beside a flood, {order.title}, {summary}", "ms", "less")


def share_metric(weight: float) -> Metric:
    """Its readings are of one run: one each second."""
    return Metric(f"share of the starts of three floods, weight {weight:g}", "%", "more")


def cases(contenders: Sequence[Contender], lapinq: Lapinq, plan: Plan) -> list[Case]:
    """Of lapinq alone."""
    del contenders
    return [Case("fairness", lapinq.about.name, lambda: _run(lapinq, plan), runs_at_most=1)]


def _run(lapinq: Lapinq, plan: Plan) -> list[Reading]:
    readings: list[Reading] = []
    with lapinq.fresh_database() as database, psycopg.connect(database, autocommit=True) as conn:
        most = int(plan.tenant_seconds * SLOTS / TASK_SECONDS)
        lapinq_refill.add_flood(conn, "default", "flood", plan.backlog + len(ORDERS) * most)
        conn.execute("VACUUM (ANALYZE)")
        for order in ORDERS:
            for key in order.floods:
                if key != "flood":
                    lapinq_refill.add_flood(conn, "default", key, most)
            asyncio.run(_set_policy(database, order))
            waits, since = _measure(lapinq, plan, database)
            ended = number(
                conn, f"SELECT count(*) FROM lapinq_attempts WHERE claimed_at >= to_timestamp({since})"
            )
            say(f"  {ended / (time.time() - since):,.0f} tasks/s in {order.title}")
            # What has not started would wait before the next tasks of its key.
            conn.execute("DELETE FROM lapinq_ready WHERE lane LIKE 'tenant%'")
            for summary, value in zip(
                SUMMARIES, (percentile(waits, 0.5), percentile(waits, 0.99), max(waits)), strict=True
            ):
                readings.append(Reading(wait_metric(order, summary), lapinq.about.name, value))
            if len(order.floods) > 1:
                readings += _shares(lapinq, conn, order, since, plan.tenant_seconds)
    return readings


def _measure(lapinq: Lapinq, plan: Plan, database: str) -> tuple[list[float], float]:
    """The waits in milliseconds, and since when. What has not started at the end counts with the whole time."""
    with tempfile.TemporaryDirectory() as name, lapinq.worker(database, "ten slots", Path(name)) as worker:
        time.sleep(SETTLE_SECONDS)
        since = time.time()
        sent = lapinq.produce(
            database, "tenants", "arrive_briefly", TENANTS, plan.tenant_seconds, limit=plan.limit
        )
        time.sleep(SETTLE_SECONDS)
        worker.check_alive()
        waits = marks.waits(Path(name), since_ns=int(since * 1e9))
    missing = sent.tasks - len(waits)
    say(f"  {len(waits):,} of {sent.tasks:,} tasks of the small tenants have started")
    return waits + [plan.tenant_seconds * 1000] * missing, since


async def _set_policy(database: str, order: Order) -> None:
    conn = await Conn.open(database)
    try:
        weights = order.floods if len(order.floods) > 1 else None
        await queues.set_policy(conn, "default", {"order": order.order, "weights": weights}, by=SOMEBODY)
    finally:
        await conn.close()


def _shares(
    lapinq: Lapinq, conn: psycopg.Connection, order: Order, since: float, seconds: float
) -> list[Reading]:
    """Of the starts of the floods, second by second."""
    rows = conn.execute(
        "SELECT floor(extract(epoch FROM a.claimed_at) - %s)::integer AS second, t.key, count(*)"
        " FROM lapinq_attempts a JOIN lapinq_tasks t ON t.id = a.task_id"
        " WHERE a.claimed_at >= to_timestamp(%s) AND t.key = ANY (%s) GROUP BY 1, 2",
        (since, since, list(order.floods)),
    ).fetchall()
    counted = {(second, key): count for second, key, count in rows}
    readings: list[Reading] = []
    for key, weight in order.floods.items():
        for second in range(int(seconds)):
            total = sum(counted.get((second, other), 0) for other in order.floods)
            if total:
                share = 100 * counted.get((second, key), 0) / total
                readings.append(Reading(share_metric(weight), lapinq.about.name, share))
    return readings
