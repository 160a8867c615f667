"""How long a small tenant's task waits beside a flood of one key, in priority order, in fair order and with weights.

For a worker with ten slots, `--backlog` tasks of one key wait, each of which takes 5 ms. Five other keys get a task
each every 0.1 s for a minute. A wait is the time from just before the enqueue call to the first line of the function.
"""

import time

import msgspec
import psycopg

from lapinq_core.domain.limits.policy import StartOrder
from lapinq_core.tasks import queues
from tests.bench.contenders import lapinq_refill, marks
from tests.bench.contenders.contender import Contender, number
from tests.bench.measurements.case import Case, Field, percentiles, reading, working
from tests.bench.run.figures import Reading
from tests.bench.run.plan import Plan
from tests.bench.run.processes import say
from tests.support.database.running import on_connections
from tests.support.rows.factories import SOMEBODY, Conn

TENANTS = 5
SLOTS = 10
TASK_SECONDS = 0.005
SETTLE_SECONDS = 3.0
"""Until the worker runs at its pace, and until the last tasks of the tenants have started."""

_SHARES = """
SELECT second, key, 100 * count(*) / sum(count(*)) OVER (PARTITION BY second)
  FROM lapinq_attempts a
  JOIN lapinq_tasks t ON t.id = a.task_id
 CROSS JOIN LATERAL (SELECT floor(extract(epoch FROM a.claimed_at) - %(since)s)::integer AS second) AS s
 WHERE a.claimed_at >= to_timestamp(%(since)s)
   AND t.key = ANY (%(keys)s)
   AND second < %(seconds)s
 GROUP BY second, key
 ORDER BY second
"""


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


def cases(field: Field) -> list[Case]:
    """Of lapinq alone."""
    return [Case("fairness", field.lapinq, lambda: _run(field.lapinq, field.plan), runs_at_most=1)]


def _run(lapinq: Contender, plan: Plan) -> list[Reading]:
    readings: list[Reading] = []
    with lapinq.fresh_database() as database, psycopg.connect(database, autocommit=True) as conn:
        most = int(plan.tenant_seconds * SLOTS / TASK_SECONDS)
        lapinq_refill.add_flood(conn, "default", "flood", plan.backlog + len(ORDERS) * most)
        conn.execute("VACUUM (ANALYZE)")
        for order in ORDERS:
            for key in order.floods.keys() - {"flood"}:
                lapinq_refill.add_flood(conn, "default", key, most)
            _set_policy(database, order)
            waits, since = _measured(lapinq, plan, database)
            ended = number(
                conn, "SELECT count(*) FROM lapinq_attempts WHERE claimed_at >= to_timestamp(%s)", since
            )
            say(f"  {ended / (time.time() - since):,.0f} tasks/s in {order.title}")
            # What has not started would wait before the next tasks of its key.
            conn.execute("DELETE FROM lapinq_ready WHERE lane LIKE 'tenant%'")
            title = f"wait beside a flood, {order.title}"
            readings += percentiles(lapinq, f"{title}, {{}}", waits)
            readings.append(reading(lapinq, f"{title}, longest", "ms", max(waits)))
            if len(order.floods) > 1:
                readings += _shares(lapinq, conn, order, since, plan.tenant_seconds)
    return readings


def _measured(lapinq: Contender, plan: Plan, database: str) -> tuple[list[float], float]:
    """The waits in milliseconds, and since when. What has not started at the end counts with the whole time."""
    with working(lapinq, database, "ten slots") as worker:
        time.sleep(SETTLE_SECONDS)
        since, numbers = time.time(), (TENANTS, plan.tenant_seconds)
        sent = lapinq.produce(database, "tenants", "arrive_briefly", *numbers, limit=plan.limit)
        time.sleep(SETTLE_SECONDS)
        worker.child.check_alive()
        waits = marks.waits(worker.directory, since_ns=int(since * 1e9))
    say(f"  {len(waits):,} of {sent.tasks:,} tasks of the small tenants have started")
    return waits + [plan.tenant_seconds * 1000] * (sent.tasks - len(waits)), since


def _set_policy(database: str, order: Order) -> None:
    policy = {"order": order.order, "weights": order.floods if len(order.floods) > 1 else None}

    async def set_it(conn: Conn) -> None:
        await queues.set_policy(conn, "default", policy, by=SOMEBODY)

    on_connections(database, set_it)


def _shares(
    lapinq: Contender, conn: psycopg.Connection, order: Order, since: float, seconds: float
) -> list[Reading]:
    """Of the starts of the floods: a reading for each second."""
    given = {"since": since, "keys": list(order.floods), "seconds": int(seconds)}
    found = {(second, key): float(share) for second, key, share in conn.execute(_SHARES, given)}
    title = "share of the starts of three floods, weight {:g}"
    return [
        reading(lapinq, title.format(weight), "%", found.get((second, key), 0.0))
        for key, weight in order.floods.items()
        for second in dict.fromkeys(second for second, _ in found)
    ]
